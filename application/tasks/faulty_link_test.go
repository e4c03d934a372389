package tasks_test

import (
	"context"
	"sync/atomic"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// line is a node's connection to its store and its broker, which a test may cut. All
// nodes of a test have one clock; the line shifts all times by skew, as if the node's
// clock were wrong.
type line struct {
	cut     atomic.Bool
	skew    time.Duration
	durable bool // the store outlives the node
}

// sends returns t as a node writes it whose clock is wrong.
func (l *line) sends(t task.Task) task.Task { return shift(t, l.skew) }

// gets returns t as it looks to a node whose clock is wrong: what lies an hour ago
// by the right one is now by one that is an hour behind.
func (l *line) gets(t task.Task) task.Task { return shift(t, -l.skew) }

func shift(t task.Task, by time.Duration) task.Task {
	for _, at := range []*time.Time{&t.Created, &t.Started, &t.Ended, &t.NotBefore} {
		if !at.IsZero() {
			*at = at.Add(by)
		}
	}
	return t
}

func (l *line) err() error {
	if l.cut.Load() {
		return event.ErrUnavailable
	}
	return nil
}

// store returns s at the end of the line.
func (l *line) store(s task.Store) task.Store { return &farStore{Store: s, line: l} }

type farStore struct {
	task.Store
	line *line
}

func (s *farStore) Outlives() bool { return s.line.durable }

func (s *farStore) Create(ctx context.Context, t task.Task) (task.Task, error) {
	if err := s.line.err(); err != nil {
		return task.Task{}, err
	}
	stored, err := s.Store.Create(ctx, s.line.sends(t))
	return s.line.gets(stored), err
}

func (s *farStore) Get(ctx context.Context, id task.ID) (task.Task, error) {
	if err := s.line.err(); err != nil {
		return task.Task{}, err
	}
	stored, err := s.Store.Get(ctx, id)
	return s.line.gets(stored), err
}

func (s *farStore) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if err := s.line.err(); err != nil {
		return task.Task{}, err
	}
	stored, err := s.Store.Update(ctx, s.line.sends(t))
	return s.line.gets(stored), err
}

func (s *farStore) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	if err := s.line.err(); err != nil {
		return nil, "", err
	}
	page, next, err := s.Store.List(ctx, q)
	return s.line.getAll(page), next, err
}

func (s *farStore) Expired(ctx context.Context, r task.Retention) ([]task.Task, error) {
	if err := s.line.err(); err != nil {
		return nil, err
	}
	expired, err := s.Store.Expired(ctx, r)
	return s.line.getAll(expired), err
}

func (l *line) getAll(all []task.Task) []task.Task {
	for i := range all {
		all[i] = l.gets(all[i])
	}
	return all
}

func (s *farStore) Watch(changed func(task.Task)) (stop func()) {
	return s.Store.Watch(func(t task.Task) {
		if s.line.err() == nil {
			changed(s.line.gets(t))
		}
	})
}

// Publish implements event.Publisher at the end of the line.
func (p *farPublisher) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	if err := p.line.err(); err != nil {
		return event.ID{}, err
	}
	return p.Publisher.Publish(ctx, ev)
}

type farPublisher struct {
	event.Publisher
	line *line
}
