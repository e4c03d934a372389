package natspublisher_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/domain/event"
	"heliograph/test/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natsserver.Leaks()...) }

var silent = slog.New(slog.DiscardHandler)

const maxEventBytes = 4 << 10

// node is one node's view of the log.
type node struct {
	t   *testing.T
	log *natspublisher.Log
	*natspublisher.Publisher
	*recorder

	failed chan error // what Serve returned
	stop   func()
}

// serve runs a node until t ends, or stop.
func serve(t *testing.T, broker *natsbroker.Broker, cfg natspublisher.LogConfig) *node {
	t.Helper()
	n := &node{t: t, recorder: newRecorder(), failed: make(chan error, 1)}
	var err error
	if n.log, err = natspublisher.OpenLog(t.Context(), broker, cfg); err != nil {
		t.Fatal(err)
	}
	if n.Publisher, err = natspublisher.New(n.log, maxEventBytes, n.recorder, silent); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { n.failed <- n.Serve(ctx) })
	n.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(n.stop)
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) publish(ev event.Event) event.ID {
	n.t.Helper()
	id, err := n.Publish(n.t.Context(), ev)
	if err != nil {
		n.t.Errorf("publish: %v", err)
	}
	return id
}

// received returns what the Receiver has, once the newest event is there. It
// waits for servers that choose a leader.
func (n *node) received() []event.Record {
	n.t.Helper()
	newest, err := n.log.Newest(n.t.Context())
	for deadline := time.Now().Add(time.Minute); errors.Is(err, event.ErrUnavailable) && time.Now().Before(deadline); {
		newest, err = n.log.Newest(n.t.Context())
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return n.until(newest)
}

// recorder is a Receiver that keeps what it gets.
type recorder struct {
	mu      sync.Mutex
	changed *sync.Cond
	records []event.Record // guarded by mu
}

func newRecorder() *recorder {
	r := &recorder{}
	r.changed = sync.NewCond(&r.mu)
	return r
}

func (r *recorder) Receive(_ context.Context, rec event.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, rec)
	r.changed.Broadcast()
}

// until waits for the event with that ID, if it is not the start, and returns
// all so far.
func (r *recorder) until(id event.ID) []event.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id.Seq > 0 && !slices.ContainsFunc(r.records, func(rec event.Record) bool { return rec.ID == id }) {
		r.changed.Wait()
	}
	return slices.Clone(r.records)
}

func numbered(topic string, order uint64) event.Event {
	return event.Event{
		Service: event.ServiceTask, Name: "n", Topic: topic, Order: order, Data: fmt.Appendf(nil, "%d", order),
	}
}
