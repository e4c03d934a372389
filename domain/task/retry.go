package task

import (
	"cmp"
	"time"
)

// defaultBackoff is the wait before a second attempt, when the type does not say.
const defaultBackoff = time.Second

// maxDoublings keeps a back-off from overflowing: a second becomes twelve days.
const maxDoublings = 20

// RetryDelay is how long to wait before the attempt of that number, from 2.
func (p Policy) RetryDelay(attempt int) time.Duration {
	return cmp.Or(p.Backoff, defaultBackoff) << max(0, min(attempt-2, maxDoublings))
}
