package tasks_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks"
	"heliograph/application/tasks/snapshots"
	"heliograph/domain/task"
	"heliograph/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a Service with everything around it. Fields may be changed before
// start is called.
type fixture struct {
	*tasks.Service
	*snapshots.Observer
	t       *testing.T
	cfg     tasks.Config
	store   task.Store
	strict  *strictStore // beneath store
	nodes   *node
	link    link // to the store and the broker
	wire    *wire
	outbox  *outbox
	metrics *metrics
	logs    *logs.Logs
	ids     int // tasks that were given an ID; guarded by idsMu
	idsMu   sync.Mutex
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	store := memtaskstore.New()
	one := newNode("one")
	wire := &wire{store: store}
	strict := &strictStore{Store: store, t: t, wire: wire}
	return &fixture{
		t: t, store: strict, strict: strict, wire: wire,
		nodes: one, outbox: &outbox{}, metrics: &metrics{}, logs: &logs.Logs{},
	}
}

// start makes the Service and its workers; they are stopped at the test's end.
func (f *fixture) start(types ...task.Type) *fixture {
	f.t.Helper()
	f.build(types...)
	if err := f.StartWorkers(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { f.stop(time.Minute) })
	return f
}

func (f *fixture) build(types ...task.Type) {
	f.t.Helper()
	store := f.link.store(f.store)
	service, err := tasks.New(f.cfg, tasks.Deps{
		Store: store, Nodes: f.nodes, Types: types, Publisher: &linkedPublisher{f.wire, &f.link}, Metrics: f.metrics, NewID: f.newID, Log: f.logs.Logger(),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.Service, f.Observer = service, snapshots.New(store, f.outbox, cmp.Or(f.cfg.MaxEventBytes, 64<<10))
}

func (f *fixture) newID() string {
	f.idsMu.Lock()
	defer f.idsMu.Unlock()
	f.ids++
	return fmt.Sprintf("task-%d", f.ids)
}

func (f *fixture) stop(within time.Duration) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), within)
	defer cancel()
	if err := f.Stop(ctx); err != nil {
		f.t.Errorf("stop: %v", err)
	}
	if wrong := f.wire.misled(); wrong != nil { // A12: whichever node sends it, and however late
		f.t.Errorf("events of the wrong audience: %v", wrong)
	}
}

// policyOf returns the policy of a type.
func (f *fixture) policyOf(name string) task.Policy {
	f.t.Helper()
	all, err := f.Types(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, typ := range all {
		if typ.Name == name {
			return typ.Policy
		}
	}
	return task.Policy{}
}

// run starts a task of the type "work".
func (f *fixture) run() task.ID {
	f.t.Helper()
	t, err := f.Start(f.t.Context(), task.Request{Type: "work"})
	if err != nil {
		f.t.Fatalf("start: %v", err)
	}
	return t.ID
}

func (f *fixture) cancel(id task.ID) task.Task {
	f.t.Helper()
	t, err := f.Cancel(f.t.Context(), id)
	if err != nil {
		f.t.Fatalf("cancel: %v", err)
	}
	return t
}

// wantStatus waits until nothing moves and checks the task's record.
func (f *fixture) wantStatus(id task.ID, want task.Status) task.Task {
	f.t.Helper()
	synctest.Wait()
	t, err := f.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatalf("get: %v", err)
	}
	if t.Status != want {
		f.t.Errorf("%s is %s (%s), want %s", id, t.Status, t.Error, want)
	}
	return t
}

// wantEvents checks the types of all events of a task.
func (f *fixture) wantEvents(id task.ID, want ...task.EventType) []sent {
	f.t.Helper()
	synctest.Wait()
	events := f.wire.of(id)
	var types []task.EventType
	for _, e := range events {
		types = append(types, e.Type)
	}
	if !slices.Equal(types, want) {
		f.t.Fatalf("%s has the events %v, want %v", id, types, want)
	}
	return events
}

// work is the type "work", whose handler is run.
func work(run func(ctx context.Context, report task.Reporter) (json.RawMessage, error)) task.Type {
	return task.Type{Name: "work", Handler: handler(run)}
}

// untilCancelled is a handler that does what it should when its context ends.
func untilCancelled(ctx context.Context, _ task.Reporter) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func succeed(context.Context, task.Reporter) (json.RawMessage, error) { return nil, nil }

type handler func(ctx context.Context, report task.Reporter) (json.RawMessage, error)

func (handler) Check(params json.RawMessage) error {
	if string(params) == `"bad"` {
		return fmt.Errorf("%w: they are bad", task.ErrInvalidParams)
	}
	return nil
}

func (h handler) Run(ctx context.Context, _ json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	return h(ctx, report)
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
