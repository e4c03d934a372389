// Package memtasks is a stand-in for the task service, for those who build on
// task.Service and task.Reader: tasks are begun and ended by the test.
package memtasks

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Tasks implements task.Service and task.Reader in memory. It runs nothing. It is
// safe for concurrent use.
type Tasks struct {
	// Places is how many tasks of a type may wait; 0 is no bound.
	Places int
	// Scheduled is how many tasks may wait for their time; 0 is no bound.
	Scheduled int
	// MaxEventBytes is how large a result in a list may be; 0 is no bound.
	MaxEventBytes int

	types []task.Type
	store *memtaskstore.Store

	mu      sync.Mutex // held while a task is changed
	stopped bool       // guarded by mu
}

var (
	_ task.Service = (*Tasks)(nil)
	_ task.Reader  = (*Tasks)(nil)
)

// New returns a Tasks with tasks of these types, whose handlers are asked what params
// they take and for no more.
func New(types ...task.Type) *Tasks {
	types = slices.SortedFunc(slices.Values(types), func(a, b task.Type) int { return strings.Compare(a.Name, b.Name) })
	return &Tasks{types: types, store: memtaskstore.New()}
}

// Start implements task.Service.
func (s *Tasks) Start(ctx context.Context, r task.Request) (task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return task.Task{}, task.ErrShuttingDown
	}
	if first, err := s.store.ByKey(ctx, r.Owner, r.Key); err == nil {
		return first, nil
	}
	if err := s.check(ctx, r); err != nil {
		return task.Task{}, err
	}
	id, audience := task.ID(uuid.NewString()), r.Audience.Audience
	if r.Followed {
		audience = audience.With(access.TaskSubject + string(id))
	}
	t := task.Task{
		ID: id, Type: r.Type, Params: r.Params, Labels: r.Labels, IdempotencyKey: r.Key, Owner: r.Owner, Audience: audience,
		Status: task.Pending, Created: time.Now().UTC(), Attempt: 1, RunAt: r.RunAt.UTC(),
	}
	if t.RunAt.After(t.Created) {
		t.NotBefore = t.RunAt
	}
	if r.Claim {
		t.Status, t.Started, t.Lease, t.Seq = task.Running, t.Created, task.Lease(uuid.NewString()), 1
	}
	t, err := s.store.Create(ctx, t)
	if r.Claim {
		t.Term = task.Policy{}.LeaseTerm()
	}
	return t, err
}

func (s *Tasks) check(ctx context.Context, r task.Request) error {
	i := slices.IndexFunc(s.types, func(t task.Type) bool { return t.Name == r.Type })
	if i < 0 {
		return task.ErrUnknownType
	}
	now := time.Now()
	if err := errors.Join(r.Labels.Check(), task.CheckRunAt(r.RunAt, now), s.types[i].Handler.Check(r.Params)); err != nil {
		return err
	}
	pending, _, err := s.store.List(ctx, task.Query{Status: task.Pending})
	others, places := func(t task.Task) bool { return t.Type != r.Type || waitsForItsTime(t) }, s.Places
	if r.RunAt.After(now) {
		others, places = func(t task.Task) bool { return !waitsForItsTime(t) }, s.Scheduled
	}
	if err == nil && places > 0 && !r.Claim && len(slices.DeleteFunc(pending, others)) >= places {
		err = task.ErrQueueFull
	}
	return err
}

func waitsForItsTime(t task.Task) bool { return time.Until(t.NotBefore) > 0 }

// Cancel implements task.Service.
func (s *Tasks) Cancel(ctx context.Context, id task.ID) (task.Task, error) {
	return s.change(ctx, id, func(t *task.Task) error {
		switch t.Status {
		case task.Pending:
			t.Status, t.Ended, t.NotBefore = task.Cancelled, time.Now().UTC(), time.Time{}
		case task.Running:
		default:
			return task.ErrNotCancellable
		}
		t.CancelRequested = true
		return nil
	})
}

// CancelAll implements task.Service.
func (s *Tasks) CancelAll(ctx context.Context, q task.Query) (cancelled int, err error) {
	if !q.Filters() {
		return 0, task.ErrNoFilter
	}
	q.Unfinished, q.Limit, q.Cursor = true, 0, ""
	selected, _, err := s.store.List(ctx, q)
	for _, t := range selected {
		if _, err := s.Cancel(ctx, t.ID); err == nil { // else it has ended meanwhile
			cancelled++
		}
	}
	return cancelled, err
}

// Remove implements task.Service.
func (s *Tasks) Remove(ctx context.Context, id task.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.store.Get(ctx, id)
	if err != nil {
		return err
	}
	if !t.Status.Terminal() {
		return task.ErrNotFinished
	}
	return s.store.Delete(ctx, t)
}

// Get implements task.Reader.
func (s *Tasks) Get(ctx context.Context, id task.ID) (task.Task, error) { return s.store.Get(ctx, id) }

// List implements task.Reader.
func (s *Tasks) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	page, next, err = s.store.List(ctx, q)
	for i := range page {
		if t := &page[i]; s.MaxEventBytes > 0 && len(t.Result) > s.MaxEventBytes {
			t.Result, t.Truncated = nil, true
		}
	}
	return page, next, err
}

// Types implements task.Reader.
func (s *Tasks) Types(context.Context) ([]task.Type, error) { return slices.Clone(s.types), nil }

// Begin has the oldest task of a type running that waits and whose time has come, and
// returns it. Errors: task.ErrNoTask.
func (s *Tasks) Begin(ctx context.Context, typ string) (task.Task, error) {
	waiting, _, err := s.store.List(ctx, task.Query{Status: task.Pending, Type: typ})
	waiting = slices.DeleteFunc(waiting, waitsForItsTime)
	if err != nil || len(waiting) == 0 {
		return task.Task{}, errors.Join(task.ErrNoTask, err)
	}
	return s.change(ctx, waiting[len(waiting)-1].ID, func(t *task.Task) error {
		if t.Status != task.Pending {
			return task.ErrNoTask
		}
		t.Status, t.Started, t.NotBefore = task.Running, time.Now().UTC(), time.Time{}
		return nil
	})
}

// End ends a running task: with a message it has failed, else it is completed.
// Errors: task.ErrNotFound, task.ErrLeaseLost when it does not run.
func (s *Tasks) End(ctx context.Context, id task.ID, result json.RawMessage, message string) (task.Task, error) {
	return s.change(ctx, id, func(t *task.Task) error {
		if t.Status != task.Running {
			return task.ErrLeaseLost
		}
		t.Status, t.Result, t.Error, t.Ended = task.Completed, result, message, time.Now().UTC()
		if message != "" {
			t.Status = task.Failed
		}
		return nil
	})
}

// Stop has Start fail from now on.
func (s *Tasks) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *Tasks) change(ctx context.Context, id task.ID, change func(*task.Task) error) (task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.store.Get(ctx, id)
	if err == nil {
		err = change(&t)
	}
	if err != nil {
		return task.Task{}, err
	}
	return s.store.Update(ctx, t)
}
