package check

import (
	"fmt"
	"maps"
	"slices"

	"heliograph/test/sseclient"
)

// History is what was seen of a cluster from outside, once nothing happens in it
// any more.
type History struct {
	Clients []Client
	// External says that an external gateway held the streams.
	External bool
	// Started are the tasks that the cluster has taken on, as far as any client knows.
	Started []Started
	// Posted are the versions that anybody tried to announce, in order by request_id.
	Posted []Posted
	// States is what each node says of each task in the end, by node and task.
	States map[string]map[string]State
}

// Client is what one client got.
type Client struct {
	Name    string // its request_id, which several may share
	Streams [][]sseclient.Event
	Live    bool // its last stream is open
}

// Started is a task that was started with an idempotency key.
type Started struct{ Key, Task string }

// State is what a node says of a task.
type State struct {
	Status  string `json:"status"`
	Seq     uint64 `json:"seq"`
	Attempt int    `json:"attempt"`
}

// Report is what a history says.
type Report struct {
	// Wrong is what must not be, each with its rule; empty if all is well.
	Wrong []string
	// Events, Tasks, Streams and Resets count what was seen.
	Events, Tasks, Streams, Resets int
}

// Check returns what is wrong with a history.
func Check(h History) Report {
	j := checker{log: map[Place]string{}, tasks: map[string]*life{}, live: map[string]int{}, skipped: map[Place]string{}}
	ends := j.readAll(h.Clients, h.External)
	j.reachTheEnd(h.Clients, ends)
	j.oneLivePerName()
	j.follow()
	j.conflated()
	j.keys(h.Started)
	j.states(h.Started, h.States)
	j.versions(h.Posted)
	j.Events, j.Tasks = len(j.log), len(j.tasks)
	return j.Report
}

// checker collects what all clients got.
type checker struct {
	Report

	log   map[Place]string // the data of each log event
	tasks map[string]*life // by ID
	live  map[string]int   // open streams by name

	skipped map[Place]string // a client that did not get it, with an external gateway
}

func (j *checker) wrong(format string, args ...any) {
	j.Wrong = append(j.Wrong, fmt.Sprintf(format, args...))
}

// readAll returns where each client is in the end.
func (j *checker) readAll(clients []Client, external bool) (ends []Place) {
	for _, c := range clients {
		ends = append(ends, j.read(c, external))
		j.live[c.Name] += count(c.Live)
	}
	return ends
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (j *checker) read(c Client, external bool) (end Place) {
	r := Reader{External: external}
	snapshot, shows := false, view{}
	for _, stream := range c.Streams {
		r.Begin()
		snapshot = false
		for _, e := range stream {
			snapshot = snapshot || e.Name == taskSnapshot
			shows.take(e)
			if p, logged := r.Take(e); logged {
				j.add(c.Name, p, e)
			}
		}
	}
	for _, w := range r.Wrong {
		j.wrong("%s (client %s)", w, c.Name)
	}
	if c.Live && !snapshot {
		j.wrong("T13: client %s has no task snapshot", c.Name)
	}
	if left := shows.unfinished(); c.Live && len(left) > 0 {
		j.wrong("T13: client %s shows for good that these go on: %q", c.Name, left)
	}
	j.Streams += len(c.Streams)
	j.Resets += r.Resets
	for _, p := range r.Skipped {
		j.skipped[p] = c.Name
	}
	return r.At
}

// add compares an event with what others got at its place.
func (j *checker) add(client string, p Place, e sseclient.Event) {
	data, known := j.log[p]
	if known && data != e.Data {
		j.wrong("E7: at %s one client got %.200s and client %s %.200s", p, data, client, e.Data)
	}
	j.log[p] = e.Data
}

// reachTheEnd requires that every connected client has got the last event.
func (j *checker) reachTheEnd(clients []Client, ends []Place) {
	epochs := map[string]bool{}
	var last Place
	for p := range j.log {
		epochs[p.Epoch] = true
		if p.Seq > last.Seq {
			last = p
		}
	}
	if len(epochs) > 1 {
		j.wrong("G2: the log began anew: %v", slices.Sorted(maps.Keys(epochs)))
	}
	for i, c := range clients {
		if c.Live && ends[i] != last {
			j.wrong("G2: client %s is at %s, the log's end is %s", c.Name, ends[i], last)
		}
	}
}

func (j *checker) oneLivePerName() {
	for _, name := range slices.Sorted(maps.Keys(j.live)) {
		if n := j.live[name]; n != 1 {
			j.wrong("C3: request_id %s has %d live connections", name, n)
		}
	}
}
