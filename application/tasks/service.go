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
// A Service leaves what it does to a part for each use case: starter, canceller, reader,
// types and shutdown here, and the packages below.
//
// Each mutex below guards fields only: none is held while another is taken or a port
// is called. What spans a change of a record and its event is a turn (records.Turns).
package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	task.Reader  // reader
	task.Workers // leases.Leases
	*types       // SetTypes, Startable, Known

	starter   *starter
	canceller *canceller
	shutdown  *shutdown

	store    task.Store
	log      *slog.Logger
	life     *lifecycle.Lifecycle
	records  *records.Records
	queue    *scheduler.Queue
	cleaner  *retention.Cleaner
	runner   *runner.Runner
	pool     *runner.Pool
	leases   *leases.Leases
	overseer *orphans.Overseer
	started  atomic.Bool
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
	sorted, err := sortTypes(d.Types)
	if err = errors.Join(cfg.validate(), err); err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	s := &Service{
		store: d.Store, log: d.Log, life: lifecycle.New(),
		queue:   scheduler.New(scheduler.Sizes{Workers: cfg.MaxWorkers, Waiting: cfg.QueueSize, Scheduled: cfg.ScheduledMax}, sorted),
		cleaner: retention.New(d.Store, task.Retention{Age: cfg.CleanupInterval, Count: cfg.RetentionCount, Bytes: cfg.RetentionBytes}, sorted, d.Log),
	}
	s.records = records.New(records.Deps{
		Store: d.Store, Nodes: d.Nodes, Publisher: d.Publisher, Metrics: d.Metrics, Life: s.life, Log: d.Log,
		MaxEventBytes: cfg.MaxEventBytes, MaxWritten: cfg.MaxWritten, Ended: s.cleaner.Ended,
	})
	s.runner = runner.New(runner.Deps{
		Store: d.Store, Records: s.records, Queue: s.queue, Life: s.life, Log: d.Log,
		Timeout: cfg.Timeout, CancelGrace: cfg.CancelGrace, ProgressInterval: cfg.progressInterval(),
	})
	s.pool = &runner.Pool{Workers: cfg.MaxWorkers, Outputs: d.Outputs, Runner: s.runner}
	s.leases = leases.New(d.Store, s.records.Attempts, s.queue, s.runner, s.life)
	s.overseer = orphans.New(orphans.Deps{
		Store: d.Store, Nodes: d.Nodes, Records: s.records, Queue: s.queue, Runner: s.runner, Leases: s.leases, Life: s.life,
		Log: d.Log, Interval: cfg.Oversee,
	})
	s.types = newTypes(sorted, s.queue, s.cleaner)
	s.Reader = &reader{store: d.Store, types: s.types, maxEventBytes: cfg.MaxEventBytes}
	s.Workers = s.leases
	s.canceller = newCanceller(d.Store, s.runner, s.life)
	s.starter = &starter{
		types: s.types, canceller: s.canceller, store: d.Store, newID: d.NewID, log: d.Log,
		life: s.life, records: s.records, queue: s.queue, leases: s.leases,
	}
	s.shutdown = &shutdown{life: s.life, queue: s.queue, runner: s.runner, metrics: d.Metrics, log: d.Log, reserve: cfg.ShutdownReserve}
	return s, nil
}

// Start implements task.Service.
func (s *Service) Start(ctx context.Context, r task.Request) (task.Task, error) {
	return s.starter.start(ctx, r)
}

// Cancel implements task.Service. Cancelling a running task again changes
// nothing more. It goes on when the caller has gone, which must not cost others the
// event.
func (s *Service) Cancel(ctx context.Context, id task.ID) (task.Task, error) {
	return s.canceller.cancel(ctx, id)
}

// CancelAll implements task.Service. Once begun it goes on when the caller has gone, as
// Cancel does, over the tasks that were there at its beginning. One call at a time does
// so, and the next waits.
func (s *Service) CancelAll(ctx context.Context, q task.Query) (cancelled int, err error) {
	return s.canceller.cancelAll(ctx, q)
}

// Remove implements task.Service.
func (s *Service) Remove(ctx context.Context, id task.ID) error {
	if err := s.records.Removals.Remove(ctx, id); err != nil {
		return fmt.Errorf("remove task %s: %w", id, err)
	}
	return nil
}

// EndRevoked ends the leases of workers outside whose credentials are revoked (rule A18).
func (s *Service) EndRevoked(revoked func(*access.Principal) bool) {
	if n := s.leases.EndRevoked(revoked); n > 0 {
		s.log.Info("leases of workers with revoked credentials were ended", slog.Int("count", n))
	}
}

// Counts returns how many tasks run and how many wait for a worker, for metrics.
func (s *Service) Counts() (running, queued int) {
	queued, _ = s.queue.Figures.Len()
	return s.runner.Running.Len(), queued
}

// Scheduled returns how many tasks wait for the time that they are to run at, for metrics.
func (s *Service) Scheduled() int {
	_, n := s.queue.Figures.Len()
	return n
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
	s.pool.Start(ctx)
	s.life.Go(func() { s.cleaner.Serve(ctx, s.life.Refusing.C) })
}

// Stop refuses new tasks, cancels those that wait, and returns when those that
// run have ended and their events were handed over (rule T15). Near ctx's
// deadline it cancels them, Config.ShutdownReserve before (see Lifecycle.Wait).
// Without a deadline it waits for as long as they take. It may be called again.
// Errors: context.DeadlineExceeded, ctx.Err(), when something did not end.
func (s *Service) Stop(ctx context.Context) error { return s.shutdown.stop(ctx) }
