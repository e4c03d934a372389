package task

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"time"
)

const (
	// defaultBackoff is the wait before a second attempt, when the type does not say.
	defaultBackoff = time.Second
	// defaultMaxBackoff bounds the wait when the type does not say: what was out of order
	// for hours may as well be looked at once an hour.
	defaultMaxBackoff = time.Hour
	// maxDoublings keeps a back-off from overflowing: a second becomes twelve days.
	maxDoublings = 20
	// jitterParts of a back-off is at most added to it, so that tasks which failed together
	// do not come back together.
	jitterParts = 4
)

// RetryDelay is how long to wait before the attempt of that number, from 2: the back-off,
// doubled for each attempt before, and up to a quarter more; but never more than the
// longest back-off. Every node comes to the same.
func (p Policy) RetryDelay(id ID, attempt int) time.Duration {
	longest := p.longestBackoff()
	delay := cmp.Or(p.Backoff, defaultBackoff)
	for range min(attempt-2, maxDoublings) {
		if delay >= longest {
			break
		}
		delay *= 2
	}
	return min(delay+jitter(delay/jitterParts, id, attempt), longest)
}

func (p Policy) longestBackoff() time.Duration {
	return cmp.Or(p.MaxBackoff, max(defaultMaxBackoff, p.Backoff))
}

// jitter returns some time between 0 and most, which depends on the attempt.
func jitter(most time.Duration, id ID, attempt int) time.Duration {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, id, attempt) // it never fails
	return time.Duration(float64(most) * (float64(h.Sum32()) / (1 << 32)))
}

// ErrPermanent is what errors.Is finds in an error of Permanent.
var ErrPermanent = errors.New("trying again is useless")

// Permanent returns err, with its text, as a handler returns it when trying again is useless:
// the task has failed, whatever attempts are left (rule T18). Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

type permanent struct{ error }

// Is implements errors.Is.
func (*permanent) Is(target error) bool { return target == ErrPermanent }

// Unwrap returns the error that Permanent was given.
func (e *permanent) Unwrap() error { return e.error }
