package memtaskstore

import (
	"context"

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
	if q.Unfinished {
		candidates = &s.unfinished
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
