package natstaskstore

import (
	"context"
	"slices"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

// List implements task.Store. A cursor names a place in the order, not a number
// of tasks, so what comes and goes elsewhere does not move it.
func (s *Store) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	from, err := tasklist.ParseCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	page, err = s.current(ctx)
	if err != nil {
		return nil, "", err
	}
	page = slices.DeleteFunc(page, func(t task.Task) bool {
		return !tasklist.Selects(q, &t) || !from.IsZero() && tasklist.PlaceOf(&t).Compare(from) >= 0
	})
	slices.SortFunc(page, func(a, b task.Task) int { return tasklist.PlaceOf(&b).Compare(tasklist.PlaceOf(&a)) })
	if q.Limit > 0 && len(page) > q.Limit {
		page = page[:q.Limit]
		next = tasklist.PlaceOf(&page[q.Limit-1]).Cursor()
	}
	return page, next, nil
}

// Expired implements task.Store, by the server's clock.
func (s *Store) Expired(ctx context.Context, r task.Retention) (expired []task.Task, err error) {
	err = s.sync(ctx, func(copied *replica) {
		for _, id := range copied.finished.Expired(r, copied.now) {
			expired = append(expired, copied.tasks[id])
		}
	})
	return expired, err
}
