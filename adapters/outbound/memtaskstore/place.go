package memtaskstore

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"heliograph/domain/task"
)

// place is where a task stands in the order, whether or not it is still there.
// The zero place is none.
type place struct {
	created time.Time
	id      task.ID
}

func placeOf(t *task.Task) place { return place{created: t.Created, id: t.ID} }

// cursor returns the opaque form, that of the last task on a page.
func (p place) cursor() string {
	text := p.created.UTC().Format(time.RFC3339Nano) + " " + string(p.id)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// parseCursor reads what cursor wrote; "" is no place. Errors:
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
