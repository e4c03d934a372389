package memtaskstore

import (
	"context"
	"time"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

// List implements task.Store. A cursor names a place in the order, not a number
// of tasks, so what comes and goes elsewhere does not move it.
func (s *Store) List(_ context.Context, q task.Query) (page []task.Task, next string, err error) {
	from, err := tasklist.ParseCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	candidates := &s.all
	if q.Unfinished || q.Unsettled {
		candidates = &s.unsettled
	}
	for t := range candidates.newestBelow(from) {
		if !tasklist.Selects(q, t) {
			continue
		}
		if q.Limit > 0 && len(page) == q.Limit {
			return page, tasklist.PlaceOf(&page[q.Limit-1]).Cursor(), nil
		}
		page = append(page, *t)
	}
	return page, "", nil
}

// Expired implements task.Store.
func (s *Store) Expired(_ context.Context, r task.Retention) ([]task.Task, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := s.finished.Expired(r, time.Now())
	expired := make([]task.Task, len(ids))
	for i, id := range ids {
		expired[i] = *s.tasks[id]
	}
	return expired, nil
}
