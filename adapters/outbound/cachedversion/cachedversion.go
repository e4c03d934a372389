// Package cachedversion implements version.Source by remembering what another
// one said: however many ask at once, that one is asked once (rule V5).
package cachedversion

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"heliograph/domain/version"
)

// Source keeps the last outcome of the one behind it, failures included.
type Source struct {
	next    version.Source
	last    atomic.Pointer[outcome] // nil before the first
	lookups singleflight.Group
}

var _ version.Source = (*Source)(nil)

// outcome is what a look-up that began at asked came to.
type outcome struct {
	asked  time.Time
	answer version.Answer
	err    error
}

// New returns a Source in front of next.
func New(next version.Source) *Source { return &Source{next: next} }

// Current implements version.Source. A caller whose ctx ends leaves; the look-up
// goes on for the others. One that was under way too early to serve a caller is
// waited for, and the next one shared by all who wait like that: next is never
// asked twice at the same time.
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

// lookUp asks next unless another caller just did. It is not waited for when all have
// left: it ends by itself within the two seconds that next may take.
func (s *Source) lookUp(ctx context.Context, oldest time.Time) {
	if s.last.Load().since(oldest) {
		return
	}
	o := &outcome{asked: time.Now()}
	o.answer, o.err = s.next.Current(ctx, 0)
	s.last.Store(o)
}

func (o *outcome) since(oldest time.Time) bool { return o != nil && !o.asked.Before(oldest) }
