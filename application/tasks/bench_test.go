package tasks_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/uuid"

	"heliograph/adapters/outbound/mempublisher"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// nowhere is a broker, a receiver and metrics that cost nothing.
type nowhere struct{ metrics }

func (*nowhere) Receive(context.Context, event.Record) {}

func (*nowhere) Publish(context.Context, event.Event) (event.ID, error) { return event.ID{}, nil }

// newBench returns a Service whose tasks report once and call done.
func newBench(b *testing.B, publisher event.Publisher, done func()) *tasks.Service {
	b.Helper()
	run := handler(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
		r.Value(0.5)
		done()
		return nil, nil
	})
	cfg := tasks.Config{QueueSize: 1024, ProgressRate: 20, RetentionCount: 1000}
	log := slog.New(slog.DiscardHandler)
	s, err := tasks.New(cfg, tasks.Deps{
		Store: memtaskstore.New(), Nodes: newNode("one"), Types: []task.Type{work(run), outsideType(task.Policy{})},
		Publisher: publisher, Metrics: &nowhere{}, NewID: uuid.NewString, Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.StartWorkers(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkScheduler is what a task costs the service itself, from Start to its
// last event: two transitions, one progress, three events. The pool is kept busy.
func BenchmarkScheduler(b *testing.B) { benchmark(b, &nowhere{}) }

// BenchmarkThroughput is BenchmarkScheduler with the memory broker, which checks
// and orders the events.
func BenchmarkThroughput(b *testing.B) {
	benchmark(b, mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: "e"}, MaxEventBytes: 64 << 10}, &nowhere{}))
}

func benchmark(b *testing.B, publisher event.Publisher) {
	var ended sync.WaitGroup
	room := make(chan struct{}, 256)
	s := newBench(b, publisher, func() { ended.Done(); <-room })
	b.ReportAllocs()
	for b.Loop() {
		room <- struct{}{}
		ended.Add(1)
		if _, err := s.Start(b.Context(), task.Request{Type: "work"}); err != nil {
			b.Fatal(err)
		}
	}
	ended.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkClaim is what a task costs that a worker outside runs: Start, Claim and
// Complete, one after the other.
func BenchmarkClaim(b *testing.B) {
	s := newBench(b, &nowhere{}, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Start(b.Context(), task.Request{Type: "outside"}); err != nil {
			b.Fatal(err)
		}
		c, err := s.Claim(b.Context(), []string{"outside"}, "")
		if err == nil {
			err = s.Complete(b.Context(), c.Task.ID, c.Lease, nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
