package natstaskstore

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"heliograph/domain/task"
)

// List implements task.Store. A cursor names a place in the order, not a number
// of tasks, so what comes and goes elsewhere does not move it.
func (s *Store) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	from, err := parseCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	page, err = s.current(ctx)
	if err != nil {
		return nil, "", err
	}
	page = slices.DeleteFunc(page, func(t task.Task) bool {
		return !selects(q, t) || q.Cursor != "" && placeOf(t).compare(from) >= 0
	})
	slices.SortFunc(page, func(a, b task.Task) int { return placeOf(b).compare(placeOf(a)) })
	if q.Limit > 0 && len(page) > q.Limit {
		page = page[:q.Limit]
		next = placeOf(page[q.Limit-1]).cursor()
	}
	return page, next, nil
}

// selects reports whether t is one that q asks for, wherever it is in the order.
func selects(q task.Query, t task.Task) bool {
	switch {
	case q.Status != "" && t.Status != q.Status,
		q.Type != "" && t.Type != q.Type,
		q.Unfinished && t.Status.Terminal():
		return false
	default:
		return q.EndedBefore.IsZero() || !t.Ended.IsZero() && !t.Ended.After(q.EndedBefore)
	}
}

// place is where a task stands in the order, whether or not it is still there.
type place struct {
	created time.Time
	id      task.ID
}

func placeOf(t task.Task) place { return place{created: t.Created, id: t.ID} }

func (p place) compare(other place) int {
	return cmp.Or(p.created.Compare(other.created), cmp.Compare(p.id, other.id))
}

// cursor returns the opaque form, that of the last task on a page.
func (p place) cursor() string {
	text := p.created.UTC().Format(time.RFC3339Nano) + " " + string(p.id)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// parseCursor reads what cursor wrote; "" is the zero place. Errors:
// task.ErrInvalidCursor.
func parseCursor(s string) (place, error) {
	if s == "" {
		return place{}, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return place{}, fmt.Errorf("%w: %w", task.ErrInvalidCursor, err)
	}
	created, id, _ := strings.Cut(string(text), " ")
	at, err := time.Parse(time.RFC3339Nano, created)
	if err != nil || id == "" {
		return place{}, task.ErrInvalidCursor
	}
	return place{created: at, id: task.ID(id)}, nil
}
