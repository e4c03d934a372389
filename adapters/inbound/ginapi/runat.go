package ginapi

import (
	"fmt"
	"time"

	"heliograph/domain/task"
)

// parseRunAt returns the time that a start names (rule T19), by a time or by the seconds
// from now until then; the zero time if it names none, or year 1. Errors:
// task.ErrInvalidRunAt.
func parseRunAt(runAt *string, delay *float64, now time.Time) (at time.Time, err error) {
	switch {
	case runAt != nil && delay != nil:
		return at, fmt.Errorf("%w: give either run_at or delay", task.ErrInvalidRunAt)
	case runAt != nil:
		if err := at.UnmarshalText([]byte(*runAt)); err != nil {
			const shown = 40
			return at, fmt.Errorf("%w: %.*q is not a time of RFC 3339, such as 2026-01-02T15:04:05Z", task.ErrInvalidRunAt, shown, *runAt)
		}
		return at, nil
	case delay == nil || *delay == 0:
		return at, nil
	case *delay < 0:
		return at, fmt.Errorf("%w: the delay is negative", task.ErrInvalidRunAt)
	case *delay > task.MaxAhead.Seconds():
		return at, fmt.Errorf("%w: the delay is more than %.0f seconds", task.ErrInvalidRunAt, task.MaxAhead.Seconds())
	default:
		return now.Add(time.Duration(*delay * float64(time.Second))), nil
	}
}
