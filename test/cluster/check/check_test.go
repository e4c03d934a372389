package check_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heliograph/test/cluster/check"
	"heliograph/test/sseclient"
)

// said is the log event with that sequence.
func said(seq int, data string) sseclient.Event {
	return sseclient.Event{ID: fmt.Sprintf("e1-%d", seq), Name: "task_event", Data: data}
}

func task(id string, seq int, typ string) string {
	return fmt.Sprintf(`{"event_type":%q,"task_id":%q,"seq":%d,"attempt":1}`, typ, id, seq)
}

// the log of two tasks and a version, from sequence 1.
func log() []sseclient.Event {
	return []sseclient.Event{
		said(1, task("a", 1, "task_started")),
		said(2, task("b", 1, "task_started")),
		said(3, task("a", 2, "progress_update")),
		said(4, task("a", 5, "task_completed")),
		said(5, task("b", 2, "task_cancelled")),
		{ID: "e1-6", Name: "version", Data: `{"version":"4"}`},
	}
}

func snapshot(after int) sseclient.Event {
	return sseclient.Event{ID: fmt.Sprintf("e1-%d", after), Name: "task_snapshot", Data: `{"tasks":[]}`}
}

func reset(to string) sseclient.Event {
	return sseclient.Event{ID: to, Name: "stream_reset", Data: `{}`}
}

// good is a history in which nothing is wrong: one client from the beginning on,
// one that came late, lost its stream twice and was reset once, and one that was
// replaced.
func good() check.History {
	all := log()
	version := sseclient.Event{ID: "e1-3", Name: "version", Data: `{"version":"1"}`}
	return check.History{
		Clients: []check.Client{
			{Name: "x", Live: true, Streams: [][]sseclient.Event{slices.Concat([]sseclient.Event{snapshot(0)}, all)}},
			{Name: "y", Live: true, Streams: [][]sseclient.Event{
				{snapshot(1), all[1]}, {reset("e1-2"), all[2], snapshot(3), version}, nil, {all[3], snapshot(4), all[4], all[5]},
			}},
			{Name: "y", Streams: [][]sseclient.Event{{snapshot(2), all[2], {Name: "replaced", Data: "{}"}}}},
		},
		Started: []check.Started{{"1", "a"}, {"1", "a"}, {"2", "b"}},
		Posted:  []check.Posted{{"later", "3", false}, {"later", "4", true}},
		States:  map[string]map[string]check.State{"h1": states(), "h2": states()},
	}
}

func states() map[string]check.State {
	return map[string]check.State{
		"a": {Status: "completed", Seq: 5, Attempt: 1}, "b": {Status: "cancelled", Seq: 2, Attempt: 1},
	}
}

func TestCorrectHistoryPasses(t *testing.T) {
	got := check.Check(good())
	if len(got.Wrong) > 0 || got.Events != 6 || got.Tasks != 2 || got.Streams != 6 || got.Resets != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestAnExternalGatewayMayResetAmidAStreamAndConflate(t *testing.T) { // G6, E10
	for name, test := range map[string]struct {
		spoil  func(s []sseclient.Event) []sseclient.Event // a stream that begins with a snapshot, then e1-1 to e1-6
		within string                                      // what is wrong with the embedded gateway
		want   string                                      // and with an external one
	}{
		"a reset":            {func(s []sseclient.Event) []sseclient.Event { return slices.Replace(s, 3, 4, reset("e1-3")) }, "G3: a reset", ""},
		"progress left out":  {func(s []sseclient.Event) []sseclient.Event { return slices.Delete(s, 3, 4) }, "G2: a gap", ""},
		"an end left out":    {func(s []sseclient.Event) []sseclient.Event { return slices.Delete(s, 4, 5) }, "G2: a gap", "E10: client x did not get task_completed at e1-4"},
		"the same and again": {func(s []sseclient.Event) []sseclient.Event { return slices.Insert(s, 4, s[3]) }, "E7", "E7"},
		"an ID of the past":  {func(s []sseclient.Event) []sseclient.Event { return slices.Insert(s, 4, snapshot(2)) }, "E7", "E7"},
		"a snapshot instead": {func(s []sseclient.Event) []sseclient.Event { return slices.Replace(s, 5, 6, snapshot(5)) }, "G2: a gap", "E10: client x did not get task_cancelled at e1-5"},
	} {
		for external, want := range map[bool]string{false: test.within, true: test.want} {
			h := good()
			h.External, h.Clients[0].Streams[0] = external, test.spoil(h.Clients[0].Streams[0])
			got := strings.Join(check.Check(h).Wrong, "; ")
			if !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("%s, external %t: found %q, want %q", name, external, got, want)
			}
		}
	}
}

func TestIncorrectHistoryFails(t *testing.T) {
	stream := func(h *check.History) *[]sseclient.Event { return &h.Clients[0].Streams[0] }
	everywhere := func(h *check.History, f func([]sseclient.Event) []sseclient.Event) {
		for _, c := range h.Clients {
			for i := range c.Streams {
				c.Streams[i] = f(c.Streams[i])
			}
		}
	}
	for name, test := range map[string]struct {
		spoil func(h *check.History)
		want  string
	}{
		"a gap":                            {func(h *check.History) { *stream(h) = slices.Delete(*stream(h), 2, 3) }, "G2: a gap"},
		"a gap between two streams":        {func(h *check.History) { h.Clients[1].Streams[3] = h.Clients[1].Streams[3][1:] }, "G2: a gap"},
		"a snapshot that skips an event":   {func(h *check.History) { *stream(h) = slices.Insert(*stream(h), 2, snapshot(2)) }, "G2: a gap"},
		"a snapshot that goes back":        {func(h *check.History) { *stream(h) = slices.Insert(*stream(h), 4, snapshot(2)) }, "E7"},
		"the same event twice":             {func(h *check.History) { *stream(h) = slices.Insert(*stream(h), 2, (*stream(h))[1]) }, "E7"},
		"an event again after a reconnect": {func(h *check.History) { h.Clients[1].Streams[2] = log()[2:3] }, "E7"},
		"disorder":                         {func(h *check.History) { s := *stream(h); s[2], s[3] = s[3], s[2] }, "E7"},
		"another epoch without a reset":    {func(h *check.History) { h.Clients[1].Streams[3][2].ID = "e2-5" }, "G3: from"},
		"another epoch": {func(h *check.History) {
			h.Clients[1].Streams[3] = []sseclient.Event{reset("e2-4"), {ID: "e2-5", Name: "task_event", Data: log()[4].Data}}
		}, "G2: the log began anew"},
		"a reset within a stream":               {func(h *check.History) { *stream(h) = slices.Insert(*stream(h), 3, reset("e1-2")) }, "G3: a reset"},
		"an ID that is none":                    {func(h *check.History) { (*stream(h))[3].ID = "e1" }, "G2: task_event: the ID"},
		"an ID without a number":                {func(h *check.History) { (*stream(h))[3].ID = "e1-x" }, "G2: task_event"},
		"two stories at one place":              {func(h *check.History) { (*stream(h))[3].Data = task("a", 3, "progress_update") }, "E7: at e1-3"},
		"an end that one client does not reach": {func(h *check.History) { h.Clients[1].Streams[3] = h.Clients[1].Streams[3][:2] }, "G2: client y is at e1-4"},
		"a client that never heard anything":    {func(h *check.History) { h.Clients[0].Streams = nil }, "G2: client x is at"},
		"two live connections":                  {func(h *check.History) { h.Clients[2].Live = true }, "C3: request_id y has 2"},
		"no live connection":                    {func(h *check.History) { h.Clients[0].Live = false }, "C3: request_id x has 0"},
		"no snapshot":                           {func(h *check.History) { *stream(h) = (*stream(h))[1:] }, "T13: client x"},
		"no JSON":                               {func(h *check.History) { everywhere(h, replace("e1-3", "{")) }, "T3: at e1-3"},
		"a number that goes back":               {func(h *check.History) { everywhere(h, replace("e1-3", task("a", 1, "progress_update"))) }, "T3: task a"},
		"an attempt that goes back": {func(h *check.History) {
			everywhere(h, replace("e1-1", strings.Replace(log()[0].Data, `"attempt":1`, `"attempt":2`, 1)))
		}, "T3: task a"},
		"two ends":                                   {func(h *check.History) { everywhere(h, replace("e1-3", task("a", 2, "task_failed"))) }, "T11: task a has the last events"},
		"an event after the end":                     {func(h *check.History) { everywhere(h, replace("e1-5", task("a", 6, "progress_update"))) }, "after its last event"},
		"a removal before the end":                   {func(h *check.History) { everywhere(h, replace("e1-3", task("a", 2, "task_removed"))) }, "before its last event"},
		"an event after the removal":                 {func(h *check.History) { everywhere(h, replace("e1-5", task("a", 6, "task_queued"))) }, "after its last event"},
		"no end":                                     {func(h *check.History) { everywhere(h, replace("e1-5", task("b", 2, "progress_update"))) }, "T11: task b has the last events"},
		"an end that the store denies":               {func(h *check.History) { h.States["h2"]["a"] = check.State{Status: "failed", Seq: 5, Attempt: 1} }, `T11: task a is {failed 5 1} on node h2`},
		"an end that the store tells otherwise":      {func(h *check.History) { h.States["h2"]["a"] = check.State{Status: "completed", Seq: 6, Attempt: 1} }, `T11: task a is {completed 6 1} on node h2`},
		"a task that a node does not know":           {func(h *check.History) { delete(h.States["h1"], "b") }, `T11: task b is { 0 0} on node h1`},
		"a task that was started and never heard of": {func(h *check.History) { h.Started = append(h.Started, check.Started{Key: "3", Task: "c"}) }, "T11: no node knows task c"},
		"a task that only the store knows":           {func(h *check.History) { h.States["h1"]["c"] = check.State{Status: "running", Seq: 1, Attempt: 1} }, "T11: no node knows task c"},
		"a task that no client heard of":             {func(h *check.History) { h.Started = h.Started[:2] }, "T14: no client got the start of task b"},
		"a snapshot with a task that has ended": {func(h *check.History) {
			h.Clients = append(h.Clients, check.Client{Name: "z", Live: true, Streams: [][]sseclient.Event{{
				{ID: "e1-4", Name: "task_snapshot", Data: `{"tasks":[{"task_id":"a","status":"running","seq":2}]}`}, log()[4], log()[5],
			}}})
		}, `T13: client z shows for good that these go on: ["a"]`},
		"an accepted version that no client gets": {func(h *check.History) { h.Posted[1].Version = "5" }, "V2: version 5 is in the log 0 times"},
		"a version that came twice":               {func(h *check.History) { everywhere(h, replace("e1-3", `{"version":"4"}`)) }, "V2: version 4 is in the log 2 times"},
		"one key for two tasks":                   {func(h *check.History) { h.Started[1].Task = "b" }, "T14: key 1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			test.spoil(&h)
			if got := check.Check(h).Wrong; !slices.ContainsFunc(got, func(w string) bool { return strings.Contains(w, test.want) }) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// replace gives the event with that ID other data, wherever it is.
func replace(id, data string) func([]sseclient.Event) []sseclient.Event {
	return func(events []sseclient.Event) []sseclient.Event {
		for i := range events {
			if events[i].ID == id && events[i].Name == "task_event" {
				events[i].Data = data
			}
		}
		return events
	}
}

func TestPendingVersions(t *testing.T) {
	posted := []check.Posted{{"x", "1", false}, {"x", "2", true}, {"x", "3", true}, {"y", "4", true}}
	for name, test := range map[string]struct {
		h1, h2 string // what is pending for x
		want   string
	}{
		"the last one":             {"3", "3", ""},
		"one that came late":       {"1", "1", ""},
		"an older one":             {"2", "2", `V3: on node h1 version "2" is pending for x, want "3"`},
		"none":                     {"3", "", `V3: on node h2 version "" is pending for x, want "3"`},
		"nodes that do not agree":  {"1", "3", `V3: the nodes have different versions pending for x`},
		"what was for another one": {"4", "3", `V3: on node h1 version "4" is pending for x`},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(check.Pending(posted, map[string]map[string]string{
				"h1": {"x": test.h1, "y": "4"}, "h2": {"x": test.h2, "y": "4"},
			}), "; ")
			if !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// Whatever is left out, repeated or moved within a client's log, it is found.
func TestEveryDamageIsFound(t *testing.T) {
	const events = 50
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		streams := [][]sseclient.Event{{snapshot(0)}}
		for i := 1; i <= events; i++ {
			last := &streams[len(streams)-1]
			*last = append(*last, said(i, `{}`))
			if random.IntN(5) == 0 {
				streams = append(streams, []sseclient.Event{snapshot(i)})
			}
		}
		whole := check.Client{Name: "whole", Live: true, Streams: slices.Clone(streams)}
		i := random.IntN(len(streams))
		for len(streams[i]) < 3 {
			i = random.IntN(len(streams))
		}
		s := slices.Clone(streams[i])
		at := 1 + random.IntN(len(s)-2) // within, so that all three are damage
		switch random.IntN(3) {
		case 0:
			s = slices.Delete(s, at, at+1)
		case 1:
			s = slices.Insert(s, at, s[at])
		case 2:
			s[at], s[at+1] = s[at+1], s[at]
		}
		streams[i] = s
		if got := check.Check(check.History{Clients: []check.Client{whole}}); len(got.Wrong) > 0 {
			t.Fatalf("seed %d: without damage: %q", seed, got.Wrong)
		}
		got := check.Check(check.History{Clients: []check.Client{whole, {Name: "hurt", Live: true, Streams: streams}}})
		if len(got.Wrong) == 0 {
			t.Fatalf("seed %d: nothing was found in %+v", seed, s)
		}
	}
}
