package task

import (
	"fmt"
	"time"
)

// MaxAhead is how far in the future a start may set the time to run at (rule T19): a year.
const MaxAhead = 365 * 24 * time.Hour

// CheckRunAt returns what is wrong with a time to run at, seen at the time now; nil for
// nothing. Errors: ErrInvalidRunAt, with a text that is fit for the caller.
func CheckRunAt(at, now time.Time) error {
	if at.Sub(now) > MaxAhead {
		return fmt.Errorf("%w: it is more than %d days ahead", ErrInvalidRunAt, MaxAhead/(24*time.Hour))
	}
	return nil
}
