package sse_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/test/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const epoch = enginetest.Epoch

// tally is a gateway.Metrics that adds up.
type tally struct {
	mu     sync.Mutex
	ok     map[event.Service]int
	failed map[event.Service]int
	took   map[event.Service]int
}

func newTally() *tally {
	return &tally{ok: map[event.Service]int{}, failed: map[event.Service]int{}, took: map[event.Service]int{}}
}

func (c *tally) Sent(s event.Service, ok, failed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ok[s] += ok
	c.failed[s] += failed
}

func (c *tally) Took(s event.Service, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[s]++
}

func (c *tally) of(s event.Service) (ok, failed, took int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ok[s], c.failed[s], c.took[s]
}

// bench is an engine that runs until the test ends, and its broker.
type bench struct {
	*enginetest.Engine

	t       testing.TB
	metrics *tally
	joined  atomic.Int32 // viewers
	mu      sync.Mutex
	last    event.ID // guarded by mu
}

func newBench(t testing.TB, cfg sse.Config) *bench {
	cfg.Start.Epoch = epoch
	b := &bench{t: t, metrics: newTally(), last: cfg.Start}
	b.Engine = enginetest.Run(t, cfg, b.metrics)
	return b
}

func note(text string) event.Event {
	data, _ := json.Marshal(text)
	return event.Event{Service: event.ServiceTask, Name: "note", Data: data}
}

// publish broadcasts ev as the next log event.
func (b *bench) publish(ev event.Event) event.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last.Seq++
	if err := b.Broadcast(event.Record{ID: b.last, Event: ev}); err != nil {
		b.t.Errorf("broadcast: %v", err)
	}
	return b.last
}

// control broadcasts a control event.
func (b *bench) control(name string) {
	b.t.Helper()
	if err := b.Broadcast(event.Record{Event: event.Event{Name: name, Data: []byte(`{}`)}}); err != nil {
		b.t.Errorf("broadcast: %v", err)
	}
}

// publishMany publishes n notes, numbered from 1.
func (b *bench) publishMany(n int) {
	for i := range n {
		b.publish(note(fmt.Sprint(i + 1)))
	}
}

func (b *bench) send(token connection.Token, ev event.Event) {
	b.t.Helper()
	if err := b.Send(token, ev); err != nil {
		b.t.Errorf("send: %v", err)
	}
}

// attach adds a stream that is not served yet.
func (b *bench) attach(token connection.Token, lastEventID string) *sse.Stream {
	b.t.Helper()
	s, err := b.Attach(token, lastEventID)
	if err != nil {
		b.t.Fatalf("attach: %v", err)
	}
	return s
}
