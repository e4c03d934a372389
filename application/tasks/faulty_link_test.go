package tasks_test

import (
	"context"
	"sync/atomic"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// link is a node's connection to its store and its broker, which a test may cut. All
// nodes of a test have one clock; the link shifts all times by skew, as if the node's
// clock were wrong.
type link struct {
	cut     atomic.Bool
	skew    time.Duration
	durable bool // the store outlives the node
}

// sends returns t as a node writes it whose clock is wrong.
func (l *link) sends(t task.Task) task.Task { return shift(t, l.skew) }

// gets returns t as it looks to a node whose clock is wrong: what lies an hour ago
// by the right one is now by one that is an hour behind.
func (l *link) gets(t task.Task) task.Task { return shift(t, -l.skew) }

func shift(t task.Task, by time.Duration) task.Task {
	for _, at := range []*time.Time{&t.Created, &t.Started, &t.Ended, &t.NotBefore, &t.RunAt} {
		if !at.IsZero() {
			*at = at.Add(by)
		}
	}
	return t
}

func (l *link) err() error {
	if l.cut.Load() {
		return event.ErrUnavailable
	}
	return nil
}

// store returns s at the end of the link.
func (l *link) store(s task.Store) task.Store { return &linkedStore{Store: s, link: l} }

type linkedStore struct {
	task.Store
	link *link
}

func (s *linkedStore) Outlives() bool { return s.link.durable }

func (s *linkedStore) Create(ctx context.Context, t task.Task) (task.Task, error) {
	if err := s.link.err(); err != nil {
		return task.Task{}, err
	}
	stored, err := s.Store.Create(ctx, s.link.sends(t))
	return s.link.gets(stored), err
}

func (s *linkedStore) Get(ctx context.Context, id task.ID) (task.Task, error) {
	if err := s.link.err(); err != nil {
		return task.Task{}, err
	}
	stored, err := s.Store.Get(ctx, id)
	return s.link.gets(stored), err
}

func (s *linkedStore) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if err := s.link.err(); err != nil {
		return task.Task{}, err
	}
	stored, err := s.Store.Update(ctx, s.link.sends(t))
	return s.link.gets(stored), err
}

func (s *linkedStore) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	if err := s.link.err(); err != nil {
		return nil, "", err
	}
	page, next, err := s.Store.List(ctx, q)
	return s.link.getAll(page), next, err
}

func (s *linkedStore) Expired(ctx context.Context, r task.Retention) ([]task.Task, error) {
	if err := s.link.err(); err != nil {
		return nil, err
	}
	expired, err := s.Store.Expired(ctx, r)
	return s.link.getAll(expired), err
}

func (l *link) getAll(all []task.Task) []task.Task {
	for i := range all {
		all[i] = l.gets(all[i])
	}
	return all
}

func (s *linkedStore) Watch(changed func(task.Task)) (stop func()) {
	return s.Store.Watch(func(t task.Task) {
		if s.link.err() == nil {
			changed(s.link.gets(t))
		}
	})
}

// Publish implements event.Publisher at the end of the link.
func (p *linkedPublisher) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	if err := p.link.err(); err != nil {
		return event.ID{}, err
	}
	return p.Publisher.Publish(ctx, ev)
}

type linkedPublisher struct {
	event.Publisher
	link *link
}
