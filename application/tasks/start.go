package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"heliograph/application/tasks/leases"
	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// starter takes tasks on. It is safe for concurrent use.
type starter struct {
	types     *types
	canceller *canceller
	store     task.Store
	newID     func() string // makes the IDs of tasks
	log       *slog.Logger

	life    *lifecycle.Lifecycle
	records *records.Records
	queue   *scheduler.Queue
	leases  *leases.Leases
}

// start is Service.Start.
func (s *starter) start(ctx context.Context, r task.Request) (task.Task, error) {
	if !s.life.Enter() {
		return task.Task{}, task.ErrShuttingDown
	}
	defer s.life.Leave()
	typ, err := s.check(r)
	if err != nil {
		return s.firstWithKey(ctx, r, err)
	}
	t := s.newTask(r, typ)
	if r.Claim {
		return s.startClaimed(ctx, t, r)
	}
	place := scheduler.PlaceOf(t)
	if !s.queue.Reserve(place) {
		return s.firstWithKey(ctx, r, task.ErrQueueFull)
	}
	t, open, err := s.takeOn(ctx, t, place)
	if err != nil {
		s.queue.Release(place)
		return s.existing(ctx, t, r, err)
	}
	if !open && !s.store.Outlives() {
		_, err := s.canceller.cancel(ctx, t.ID) // Stop came in between: it would never be run
		return task.Task{}, errors.Join(task.ErrShuttingDown, err)
	}
	return t, nil
}

// startClaimed starts a task whose worker is the caller (rule T20).
func (s *starter) startClaimed(ctx context.Context, t task.Task, r task.Request) (task.Task, error) {
	t, err := s.leases.Start(ctx, t, r.Worker, func(t task.Task) (task.Task, error) { return s.create(ctx, t) })
	if err != nil {
		return s.existing(ctx, t, r, err)
	}
	return t, nil
}

// takeOn records the task and lets it wait, which it publishes, unless it is begun at
// once. open says that the queue was not closed. Errors: those of create.
func (s *starter) takeOn(ctx context.Context, t task.Task, place scheduler.Place) (_ task.Task, open bool, err error) {
	done, err := s.records.Turns.Take(ctx, t.ID) // its first event is to be the first
	if err != nil {
		return task.Task{}, false, err
	}
	defer done()
	idle := s.queue.Idle(place)
	if !idle {
		t.Seq = 1 // its task_queued
	}
	if t, err = s.create(ctx, t); err != nil {
		return t, false, err
	}
	life := s.life.Context() // the event must not be lost when the caller goes away
	if idle {
		if s.queue.PutIdle(t, place) {
			return t, true, nil
		}
		t = s.markQueued(life, t) //nolint:contextcheck // see above
	}
	if t.Seq == 1 && t.Status == task.Pending {
		s.records.PublishQueued(life, t) //nolint:contextcheck // see above
	}
	return t, s.queue.Put(t, place), nil
}

// markQueued is records.MarkQueued; what goes wrong is logged.
func (s *starter) markQueued(ctx context.Context, t task.Task) task.Task {
	marked, err := s.records.MarkQueued(ctx, t)
	if err != nil {
		s.log.WarnContext(ctx, "task waits, which could not be recorded", slog.String("task_id", string(t.ID)), slog.Any("error", err))
		return t
	}
	return marked
}

// check returns the type of the task that r asks for.
func (s *starter) check(r task.Request) (task.Type, error) {
	known, ok := s.types.Startable(r.Type)
	if !ok {
		return known, fmt.Errorf("%w: %q", task.ErrUnknownType, records.Cut(r.Type, task.MaxKeyBytes))
	}
	if r.Claim && !known.Outside {
		return known, fmt.Errorf("%w: %q", task.ErrNotClaimable, r.Type)
	}
	if len(r.Key) > task.MaxKeyBytes {
		return known, fmt.Errorf("%w: the idempotency key has %d bytes, at most %d are allowed", task.ErrInvalidParams, len(r.Key), task.MaxKeyBytes)
	}
	if err := s.records.Limits.CheckLabels(r.Labels); err != nil {
		return known, err
	}
	now := time.Now()
	if err := task.CheckRunAt(r.RunAt, now); err != nil {
		return known, err
	}
	if r.Claim && r.RunAt.After(now) {
		return known, fmt.Errorf("%w: a task that its starter claims runs at once", task.ErrInvalidRunAt)
	}
	if err := known.Handler.Check(r.Params); err != nil {
		return known, fmt.Errorf("start %s: %w", r.Type, err)
	}
	return known, nil
}

// newTask returns the pending task that r asks for.
func (s *starter) newTask(r task.Request, typ task.Type) task.Task {
	id := task.ID(s.newID())
	audience := r.Audience.Or(typ.Audience).Audience
	if r.Followed {
		audience = audience.With(access.TaskSubject + string(id))
	}
	t := task.Task{
		ID: id, Type: r.Type, Params: r.Params, Labels: r.Labels, IdempotencyKey: r.Key, Owner: r.Owner, Audience: audience,
		Status: task.Pending, Created: time.Now().UTC(), Attempt: 1,
	}
	if !r.RunAt.IsZero() {
		t.RunAt = r.RunAt.UTC()
	}
	if t.RunAt.After(t.Created) {
		t.NotBefore = t.RunAt
	}
	return t
}

// create records the task. A store that fails may have done so all the same, so
// it is asked again once, and then knows the task.
func (s *starter) create(ctx context.Context, t task.Task) (task.Task, error) {
	stored, err := s.store.Create(ctx, t)
	if err == nil || errors.Is(err, task.ErrDuplicate) {
		return stored, err
	}
	stored, err = s.store.Create(ctx, t)
	if errors.Is(err, task.ErrDuplicate) && stored.ID == t.ID {
		return stored, nil
	}
	return stored, err
}

// errKeyUnderRemoval is for the moment in which the task that has an Idempotency-Key is
// being removed.
var errKeyUnderRemoval = fmt.Errorf("%w: the first task with the idempotency key is being removed", task.ErrUnavailable)

// existing returns the task that Create found under the same key of the same owner
// (rule T14), or the error.
func (s *starter) existing(ctx context.Context, t task.Task, r task.Request, err error) (task.Task, error) {
	if errors.Is(err, task.ErrDuplicate) && r.Key != "" && t.IdempotencyKey == r.Key && t.Owner == r.Owner {
		if t.Removed {
			return task.Task{}, errKeyUnderRemoval
		}
		return s.again(ctx, t, r)
	}
	return task.Task{}, fmt.Errorf("record the task: %w", err)
}

// firstWithKey is start when a new task would be refused: one that its owner started
// with the key before is still the answer (rule T14).
func (s *starter) firstWithKey(ctx context.Context, r task.Request, refusal error) (task.Task, error) {
	if r.Key == "" || len(r.Key) > task.MaxKeyBytes {
		return task.Task{}, refusal
	}
	t, err := s.store.ByKey(ctx, r.Owner, r.Key)
	if errors.Is(err, task.ErrNotFound) {
		return task.Task{}, refusal
	}
	if err != nil {
		return task.Task{}, fmt.Errorf("look for the idempotency key: %w", err)
	}
	if t.Removed {
		return task.Task{}, refusal
	}
	return s.again(ctx, t, r)
}

// again returns the task that was started with the key before, with its lease if r asks
// for that and the first call had it (rule T20).
func (s *starter) again(ctx context.Context, t task.Task, r task.Request) (task.Task, error) {
	if !r.Claim {
		return t, nil
	}
	return s.leases.LeaseAgain(ctx, t)
}
