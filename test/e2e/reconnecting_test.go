package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"heliograph/test/sseclient"
)

// reconnectingClient is a browser: it comes back whenever its stream ends, with the ID of
// the last event that it got.
type reconnectingClient struct {
	client *sseclient.Client

	mu      sync.Mutex
	streams []*sseclient.Stream // the last one may be open; guarded by mu
	before  int                 // task events of all but the last; guarded by mu
	err     error               // of the last attempt; guarded by mu
}

func newReconnectingClient(url string) *reconnectingClient {
	return &reconnectingClient{client: sseclient.New(url)}
}

// live goes on until ctx ends.
func (s *reconnectingClient) live(ctx context.Context) {
	for ctx.Err() == nil {
		st, err := s.client.Connect(ctx)
		s.note(st, err)
		if err == nil {
			<-st.Done()
		}
		pause(ctx, 50*time.Millisecond)
	}
}

func (s *reconnectingClient) note(st *sseclient.Stream, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err != nil {
		return
	}
	if n := len(s.streams); n > 0 {
		s.before += countNamed(s.streams[n-1].Events(), "task_event")
	}
	s.streams = append(s.streams, st)
}

// received is the number of task events so far.
func (s *reconnectingClient) received() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) == 0 {
		return 0
	}
	return s.before + countNamed(s.streams[len(s.streams)-1].Events(), "task_event")
}

// state is for messages of what went wrong.
func (s *reconnectingClient) state() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf("%d streams, last attempt %v", len(s.streams), s.err)
	if n := len(s.streams); n > 0 {
		events := s.streams[n-1].Events()
		text += fmt.Sprintf("; the last stream (ended: %v) has %d events, at the end %+v", s.streams[n-1].Err(), len(events), events[max(0, len(events)-3):])
	}
	return text
}

// stretch is a part of a record in which a client missed nothing: it begins
// after a place, and ends with one.
type stretch struct {
	from, to place
}

// memory is what a client got in all.
type memory struct {
	got       map[place]string // the type of each log event
	stretches []stretch
	repeated  []place // got twice
	disorder  []place // got after a later one
	resets    int
}

// remember reads the whole record. Without broadcast versions, the log events
// are the task events.
func (s *reconnectingClient) remember(t *testing.T) *memory {
	t.Helper()
	m := &memory{got: map[place]string{}}
	var at place
	for _, st := range s.streams {
		for _, e := range st.Events() {
			if e.ID == "" {
				continue
			}
			p := parsePlace(t, e.ID)
			if e.Name == "stream_reset" || p.epoch != at.epoch {
				m.stretches = append(m.stretches, stretch{p, p})
				at = p
			}
			switch e.Name {
			case "stream_reset":
				m.resets++
			case "task_event":
				m.take(t, e, at, p)
				at = p
				m.stretches[len(m.stretches)-1].to = p
			}
		}
	}
	return m
}

// take adds a log event with the place p to what ends at the place at.
func (m *memory) take(t *testing.T, e sseclient.Event, at, p place) {
	t.Helper()
	switch _, twice := m.got[p]; {
	case twice:
		m.repeated = append(m.repeated, p)
	case p.seq < at.seq:
		m.disorder = append(m.disorder, p)
	}
	m.got[p] = decode[taskEvent](t, e.Data).Type
}

// mustAgree holds what all clients got against each other. Only progress may be
// missing within a stretch: it is conflated (E10).
func mustAgree(t *testing.T, all []*reconnectingClient) {
	t.Helper()
	memories, happened, streams, resets := make([]*memory, len(all)), map[place]string{}, 0, 0
	for i, s := range all {
		memories[i] = s.remember(t)
		maps.Copy(happened, memories[i].got)
		streams += len(s.streams)
		resets += memories[i].resets
	}
	t.Logf("%d clients, %d streams, %d resets, %d log events", len(all), streams, resets, len(happened))
	for i, m := range memories {
		if len(m.repeated)+len(m.disorder) > 0 {
			t.Errorf("client %d: %d events twice %v, %d out of order %v", i, len(m.repeated), m.repeated, len(m.disorder), m.disorder)
		}
		if missed := m.missed(happened); len(missed) > 0 {
			t.Errorf("client %d misses %d of %d: %v", i, len(missed), len(happened), missed[:min(10, len(missed))])
		}
	}
}

// missed returns what happened within a stretch and is not there.
func (m *memory) missed(happened map[place]string) (missed []place) {
	for p, typ := range happened {
		_, there := m.got[p]
		if !there && typ != "progress_update" && slices.ContainsFunc(m.stretches, func(s stretch) bool { return s.holds(p) }) {
			missed = append(missed, p)
		}
	}
	return missed
}

func (s stretch) holds(p place) bool {
	return p.epoch == s.from.epoch && p.seq > s.from.seq && p.seq < s.to.seq
}
