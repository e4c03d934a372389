package memtaskstore

import (
	"context"

	"heliograph/domain/task"
)

// List implements task.Store. A cursor names a place in the order, not a number
// of tasks, so what comes and goes elsewhere does not move it.
func (s *Store) List(_ context.Context, q task.Query) (page []task.Task, next string, err error) {
	from, err := parseCursor(q.Cursor)
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
		if !selects(q, t) {
			continue
		}
		if q.Limit > 0 && len(page) == q.Limit {
			return page, placeOf(&page[q.Limit-1]).cursor(), nil
		}
		page = append(page, *t)
	}
	return page, "", nil
}

// selects reports whether t is one that q asks for; Unfinished was seen to.
func selects(q task.Query, t *task.Task) bool {
	switch {
	case q.Status != "" && t.Status != q.Status,
		q.Type != "" && t.Type != q.Type:
		return false
	default:
		return q.EndedBefore.IsZero() || !t.Ended.IsZero() && !t.Ended.After(q.EndedBefore)
	}
}
