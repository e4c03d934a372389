// Package tasklist is what the lists of every task.Store share: their order, what
// a query selects, and cursors.
package tasklist

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"heliograph/domain/task"
)

// Selects reports whether t is one that q asks for, wherever it is in the order.
func Selects(q task.Query, t *task.Task) bool {
	switch {
	case q.Status != "" && t.Status != q.Status,
		q.Type != "" && t.Type != q.Type,
		q.Owner != "" && t.Owner != q.Owner,
		!t.Labels.Have(q.Labels),
		q.Unfinished && t.Status.Terminal(),
		t.Removed && !q.Unsettled,
		q.Unsettled && t.Settled(),
		q.Begun && t.Status == task.Pending:
		return false
	default:
		return true
	}
}

// Place is where a task stands in the order, the oldest first, whether or not it is
// still there. The zero Place is none, and before all others.
type Place struct {
	created time.Time
	id      task.ID
}

// PlaceOf returns the place of t.
func PlaceOf(t *task.Task) Place { return Place{created: t.Created, id: t.ID} }

// IsZero reports whether p is none.
func (p Place) IsZero() bool { return p.id == "" }

// Compare is negative if p is before other, and 0 if it is the same.
func (p Place) Compare(other Place) int {
	return cmp.Or(p.created.Compare(other.created), cmp.Compare(p.id, other.id))
}

// Cursor returns the opaque form, that of the last task on a page.
func (p Place) Cursor() string {
	text := p.created.UTC().Format(time.RFC3339Nano) + " " + string(p.id)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// ParseCursor reads what Cursor wrote; "" is the zero Place. Errors:
// task.ErrInvalidCursor.
func ParseCursor(s string) (Place, error) {
	if s == "" {
		return Place{}, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return Place{}, fmt.Errorf("%w: %w", task.ErrInvalidCursor, err)
	}
	created, id, _ := strings.Cut(string(text), " ")
	at, err := time.Parse(time.RFC3339Nano, created)
	if err != nil || id == "" {
		return Place{}, task.ErrInvalidCursor
	}
	return Place{created: at, id: task.ID(id)}, nil
}
