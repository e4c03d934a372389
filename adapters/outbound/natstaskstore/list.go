package natstaskstore

import (
	"context"
	"time"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

// List implements task.Store.
func (s *Store) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	if _, err := tasklist.ParseCursor(q.Cursor); err != nil { // without asking the server
		return nil, "", err
	}
	readErr := s.reader.read(ctx, func(tasks *tasklist.Set, _ time.Time) { page, next, err = tasks.List(q) })
	if readErr != nil {
		return nil, "", readErr
	}
	return page, next, err
}

// Expired implements task.Store, by the server's clock.
func (s *Store) Expired(ctx context.Context, r task.Retention) (expired []task.Task, err error) {
	err = s.reader.read(ctx, func(tasks *tasklist.Set, now time.Time) { expired = tasks.Expired(r, now) })
	return expired, err
}
