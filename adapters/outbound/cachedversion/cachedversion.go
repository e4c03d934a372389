// Package cachedversion implements version.Source by caching the answers of another
// source: however many callers ask at once, that source is asked once (rule V5).
package cachedversion

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"heliograph/domain/version"
)

// Source keeps the last outcome of another source, failures included.
type Source struct {
	next    version.Source
	last    atomic.Pointer[outcome] // nil before the first
	lookups singleflight.Group
}

var _ version.Source = (*Source)(nil)

// outcome is the result of a look-up that began at asked.
type outcome struct {
	asked  time.Time
	answer version.Answer
	err    error
}

// New returns a Source in front of next.
func New(next version.Source) *Source { return &Source{next: next} }

// Current implements version.Source. When the ctx of a caller ends it returns; the
// look-up goes on for the others. If the look-up that runs began too early for a caller,
// it waits for its end and shares the next one with all callers that wait like that:
// next is never asked twice at the same time.
func (s *Source) Current(ctx context.Context, maxAge time.Duration) (version.Answer, error) {
	oldest := time.Now().Add(-maxAge)
	for {
		if last := s.last.Load(); last.since(oldest) {
			return last.answer, last.err
		}
		select {
		case <-s.lookups.DoChan("", func() (any, error) {
			s.lookUp(context.WithoutCancel(ctx), oldest)
			return nil, nil
		}):
		case <-ctx.Done():
			return version.Answer{}, ctx.Err()
		}
	}
}

// lookUp asks next unless another caller just did. When the contexts of all callers have
// ended, nothing waits for it: it ends within the two seconds that next may take.
func (s *Source) lookUp(ctx context.Context, oldest time.Time) {
	if s.last.Load().since(oldest) {
		return
	}
	o := &outcome{asked: time.Now()}
	o.answer, o.err = s.next.Current(ctx, 0)
	s.last.Store(o)
}

func (o *outcome) since(oldest time.Time) bool { return o != nil && !o.asked.Before(oldest) }
