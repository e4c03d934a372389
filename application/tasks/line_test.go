package tasks_test

import (
	"context"
	"sync/atomic"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// line is a node's way to its store and its broker, which may be cut.
type line struct {
	cut atomic.Bool
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

func (s *farStore) Create(ctx context.Context, t task.Task) (task.Task, error) {
	if err := s.line.err(); err != nil {
		return task.Task{}, err
	}
	return s.Store.Create(ctx, t)
}

func (s *farStore) Get(ctx context.Context, id task.ID) (task.Task, error) {
	if err := s.line.err(); err != nil {
		return task.Task{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s *farStore) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if err := s.line.err(); err != nil {
		return task.Task{}, err
	}
	return s.Store.Update(ctx, t)
}

func (s *farStore) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	if err := s.line.err(); err != nil {
		return nil, "", err
	}
	return s.Store.List(ctx, q)
}

func (s *farStore) Expired(ctx context.Context, r task.Retention) ([]task.Task, error) {
	if err := s.line.err(); err != nil {
		return nil, err
	}
	return s.Store.Expired(ctx, r)
}

func (s *farStore) Watch(changed func(task.Task)) (stop func()) {
	return s.Store.Watch(func(t task.Task) {
		if s.line.err() == nil {
			changed(t)
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
