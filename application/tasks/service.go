// Package tasks starts, cancels and removes background tasks, and says what is known
// of them (rules T). What happens to a task is in the packages below, each of which
// imports only those before it:
//
//   - lifecycle: the phases of a shutdown, and what it waits for
//   - records: every change of a task's record, and the events that announce it
//   - scheduler: which task is begun next
//   - retention: removes finished tasks
//   - snapshots: sends streams that connect the unfinished ones
//   - runner: sees an attempt through, from its beginning to the end
//   - leases: lends tasks to workers outside, and takes their reports
//   - orphans: takes over the tasks of nodes that are gone
//
// The way of a task: Start records it and puts it into the queue. A worker of the
// pool takes it, or one outside claims it, and an attempt begins: the record becomes
// running. It reports progress, and offers its end, or is given up; then the record is
// made terminal and the last event goes out, or the task waits for its next attempt.
//
// Each mutex below guards fields only: none is held while another is taken or a port
// is called. What spans a change of a record and its event is a turn (records.Turns).
package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"heliograph/application/tasks/leases"
	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/orphans"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/retention"
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/access"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// Service is the use cases of tasks. It is safe for concurrent use.
type Service struct {
	task.Workers // leases.Leases

	cfg     Config
	store   task.Store
	types   atomic.Pointer[[]task.Type] // what can be started, by name
	newID   func() string
	metrics task.Metrics
	log     *slog.Logger

	life     *lifecycle.Lifecycle
	records  *records.Records
	queue    *scheduler.Queue
	cleaner  *retention.Cleaner
	runner   *runner.Runner
	leases   *leases.Leases
	overseer *orphans.Overseer
	started  atomic.Bool
	bulk     chan struct{} // holds a token while CancelAll works
	typesMu  sync.Mutex    // one call of SetTypes at a time
}

var (
	_ task.Service = (*Service)(nil)
	_ task.Reader  = (*Service)(nil)
	_ task.Workers = (*Service)(nil)
)

// Deps is what a Service needs.
type Deps struct {
	Store     task.Store
	Nodes     cluster.Nodes
	Types     []task.Type
	Publisher event.Publisher
	Metrics   task.Metrics
	// Outputs is where handlers print to; nil is nowhere.
	Outputs Outputs
	// Removed is called with each task that was removed, and must not wait; nil is not
	// called.
	Removed func(task.ID)
	NewID   func() string // makes the IDs of tasks: UUIDs
	Log     *slog.Logger
}

// New returns a Service. Until StartWorkers tasks are taken on, but not run. It fails
// if cfg or a type's policy is out of range, or a type has no name or handler, or a
// name of another.
func New(cfg Config, d Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	if d.Removed != nil {
		d.Store = removingStore{d.Store, d.Removed}
	}
	types, err := sortTypes(d.Types)
	if err = errors.Join(cfg.validate(), err); err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	s := &Service{
		cfg: cfg, store: d.Store, newID: d.NewID, metrics: d.Metrics, log: d.Log,
		bulk: make(chan struct{}, 1), life: lifecycle.New(), queue: scheduler.New(scheduler.Sizes{Workers: cfg.MaxWorkers, Waiting: cfg.QueueSize, Scheduled: cfg.ScheduledMax}, types),
		cleaner: retention.New(d.Store, task.Retention{Age: cfg.CleanupInterval, Count: cfg.RetentionCount, Bytes: cfg.RetentionBytes}, types, d.Log),
	}
	s.types.Store(&types)
	s.records = records.New(records.Deps{
		Store: d.Store, Nodes: d.Nodes, Publisher: d.Publisher, Metrics: d.Metrics, Life: s.life, Log: d.Log,
		MaxEventBytes: cfg.MaxEventBytes, MaxWritten: cfg.MaxWritten, Ended: s.cleaner.Ended,
	})
	s.runner = runner.New(runner.Deps{
		Store: d.Store, Records: s.records, Queue: s.queue, Life: s.life, Outputs: d.Outputs, Log: d.Log,
		Workers: cfg.MaxWorkers, Timeout: cfg.Timeout, CancelGrace: cfg.CancelGrace, ProgressInterval: cfg.progressInterval(),
	})
	lent := leases.New(d.Store, s.records.Attempts, s.queue, s.runner, s.life)
	s.Workers, s.leases = lent, lent
	s.overseer = orphans.New(orphans.Deps{
		Store: d.Store, Nodes: d.Nodes, Records: s.records, Queue: s.queue, Runner: s.runner, Leases: lent, Life: s.life,
		Log: d.Log, Interval: cfg.Oversee,
	})
	return s, nil
}

func sortTypes(types []task.Type) ([]task.Type, error) {
	sorted := slices.SortedFunc(slices.Values(types), func(a, b task.Type) int { return cmp.Compare(a.Name, b.Name) })
	for i, typ := range sorted {
		if typ.Name == "" || typ.Handler == nil {
			return nil, fmt.Errorf("task type %q needs a name and a handler", typ.Name)
		}
		if i > 0 && sorted[i-1].Name == typ.Name {
			return nil, fmt.Errorf("task type %q is there twice", typ.Name)
		}
		if err := typ.Policy.Check(); err != nil {
			return nil, fmt.Errorf("task type %q: %w", typ.Name, err)
		}
	}
	return sorted, nil
}

// EndRevoked ends the leases of workers outside whose credentials are revoked (rule A18).
func (s *Service) EndRevoked(revoked func(*access.Principal) bool) {
	if n := s.leases.EndRevoked(revoked); n > 0 {
		s.log.Info("leases of workers with revoked credentials were ended", slog.Int("count", n))
	}
}

// Get implements task.Reader.
func (s *Service) Get(ctx context.Context, id task.ID) (task.Task, error) {
	t, err := s.store.Get(ctx, id)
	if err == nil && t.Removed {
		return task.Task{}, task.ErrNotFound
	}
	s.hideParams(&t)
	return t, err
}

// hideParams leaves out the params that the type of t hides. One that is not known any
// more may have done so.
func (s *Service) hideParams(t *task.Task) {
	if typ := s.queue.Type(t.Type); typ == nil || typ.HideParams {
		t.Params, t.ParamsHidden = nil, true
	}
}

// List implements task.Reader.
func (s *Service) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	page, next, err = s.listFull(ctx, q)
	for i := range page {
		s.hideParams(&page[i])
		if t := &page[i]; len(t.Result) > s.cfg.MaxEventBytes {
			t.Result, t.Truncated = nil, true
		}
	}
	return page, next, err
}

// maxReads bounds how often the store is asked for one page: with what a store looks at
// each time these are half a million tasks.
const maxReads = 250

// listFull is Store.List for a page that is full if another follows.
func (s *Service) listFull(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	page, next, err = s.store.List(ctx, q)
	for reads := 1; err == nil && next != "" && len(page) < q.Limit && reads < maxReads; reads++ {
		if err = ctx.Err(); err != nil {
			break
		}
		rest := q
		rest.Cursor, rest.Limit = next, q.Limit-len(page)
		var more []task.Task
		more, next, err = s.store.List(ctx, rest)
		page = append(page, more...)
	}
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}

// Types implements task.Reader.
func (s *Service) Types(context.Context) ([]task.Type, error) {
	return slices.Clone(*s.types.Load()), nil
}

// Counts returns how many tasks run and how many wait for a worker, for metrics.
func (s *Service) Counts() (running, queued int) {
	queued, _ = s.queue.Len()
	return s.runner.Running.Len(), queued
}

// Scheduled returns how many tasks wait for the time that they are to run at, for metrics.
func (s *Service) Scheduled() int {
	_, n := s.queue.Len()
	return n
}

// Cancel implements task.Service. Cancelling a running task again changes
// nothing more. It goes on when the caller has gone, which must not cost others the
// event.
func (s *Service) Cancel(_ context.Context, id task.ID) (task.Task, error) {
	t, err := s.runner.Cancel(s.life.Context(), id) //nolint:contextcheck // see above
	if err != nil {
		return task.Task{}, fmt.Errorf("cancel task %s: %w", id, err)
	}
	return t, nil
}

// Remove implements task.Service.
func (s *Service) Remove(ctx context.Context, id task.ID) error {
	if err := s.records.Removals.Remove(ctx, id); err != nil {
		return fmt.Errorf("remove task %s: %w", id, err)
	}
	return nil
}

// StartWorkers starts the workers and the cleaner, which run until Stop; the end
// of its context does not matter to them. A second call does nothing. Errors:
// task.ErrShuttingDown after Stop.
func (s *Service) StartWorkers(context.Context) error {
	if !s.life.Enter() {
		return task.ErrShuttingDown
	}
	defer s.life.Leave()
	if s.started.Swap(true) {
		return nil
	}
	s.startWorkers(s.life.Context()) //nolint:contextcheck // see above
	return nil
}

func (s *Service) startWorkers(ctx context.Context) {
	if s.store.Outlives() {
		s.overseer.Start(ctx)
	}
	s.runner.Start(ctx)
	s.life.Go(func() { s.cleaner.Serve(ctx, s.life.Refusing.C) })
}

// Stop refuses new tasks, cancels those that wait, and returns when those that
// run have ended and their events were handed over (rule T15). Near ctx's
// deadline it cancels them, Config.ShutdownReserve before (see Lifecycle.Wait).
// Without a deadline it waits for as long as they take. It may be called again.
// Errors: context.DeadlineExceeded, ctx.Err(), when something did not end.
func (s *Service) Stop(ctx context.Context) error {
	if s.life.Refuse() {
		s.refuse(ctx)
	}
	return s.life.Wait(ctx, s.cfg.ShutdownReserve)
}

// dismiss cancels what waited when the shutdown began.
func (s *Service) dismiss(ctx context.Context, waiting []*scheduler.Entry) {
	defer s.life.Leave()
	for _, e := range waiting {
		s.runner.Dismiss(ctx, e)
	}
}

// refuse begins the shutdown.
func (s *Service) refuse(ctx context.Context) {
	active := s.runner.Running.Len()
	waiting := s.queue.Close()
	s.life.Refusing.Pass()
	s.log.InfoContext(ctx, "tasks are stopping", slog.Int("running", active), slog.Int("waiting", len(waiting)))
	s.metrics.Shutdown(active)
	go s.dismiss(s.life.Context(), waiting) //nolint:contextcheck // it goes on when the caller waits no longer
}
