package cachedversion_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/cachedversion"
	"heliograph/domain/version"
)

// source gives the answer that a test sets, after a delay.
type source struct {
	mu    sync.Mutex
	now   version.Version
	err   error
	asked int
	took  time.Duration
}

func (s *source) say(payload string) {
	v, err := version.Parse([]byte(payload))
	if err != nil {
		err = &version.SourceError{Reason: err.Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.err = v, err
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.err = version.Version{}, err
}

func (s *source) Current(ctx context.Context, _ time.Duration) (version.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	answer, err := version.Answer{Version: s.now, At: time.Now()}, s.err
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-time.After(s.took):
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return version.Answer{}, err
	}
	return answer, nil
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// test runs f in fake time with a cache before a source that needs a second.
func test(t *testing.T, f func(t *testing.T, cache *cachedversion.Source, behind *source)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		behind := &source{took: time.Second}
		behind.say(`{"version":"1"}`)
		f(t, cachedversion.New(behind), behind)
	})
}

// after calls Current when d has passed, and holds that it says want.
func after(t *testing.T, cache *cachedversion.Source, d, maxAge time.Duration, want string) {
	<-time.After(d)
	if answer, err := cache.Current(t.Context(), maxAge); err != nil || answer.Version.Name() != want {
		t.Errorf("Current(%v): %s, %v, want %s", maxAge, answer.Version.Name(), err, want)
	}
}

func wantAsked(t *testing.T, behind *source, want int) {
	t.Helper()
	if got := behind.count(); got != want {
		t.Errorf("the source was asked %d times, want %d", got, want)
	}
}

func TestConcurrentLookUpsShareOneRequest(t *testing.T) { // V5
	test(t, func(t *testing.T, cache *cachedversion.Source, behind *source) {
		var callers sync.WaitGroup
		for n := range 1000 {
			callers.Go(func() { after(t, cache, time.Duration(n)*time.Millisecond/2, 2*time.Second, "1") })
		}
		callers.Wait()
		wantAsked(t, behind, 1)
	})
}

// TestAQuickSourceIsAskedOnceToo has callers find the cache empty just before the
// answer of another's look-up is there.
func TestAQuickSourceIsAskedOnceToo(t *testing.T) { // V5
	t.Parallel()
	for range 5000 {
		behind := &source{}
		behind.say(`{"version":"1"}`)
		cache := cachedversion.New(behind)
		var callers sync.WaitGroup
		for range 16 {
			callers.Go(func() { after(t, cache, 0, time.Hour, "1") })
		}
		callers.Wait()
		wantAsked(t, behind, 1)
	}
}

func TestAnAnswerServesUntilItIsTooOld(t *testing.T) { // V5
	test(t, func(t *testing.T, cache *cachedversion.Source, behind *source) {
		after(t, cache, 0, 2*time.Second, "1") // asked at 0s, there at 1s
		behind.say(`{"version":"2"}`)
		after(t, cache, time.Second, 2*time.Second, "1")
		wantAsked(t, behind, 1)
		after(t, cache, time.Nanosecond, 2*time.Second, "2")
		wantAsked(t, behind, 2)
	})
}

func TestAFailureServesLikeAnAnswer(t *testing.T) { // V5
	test(t, func(t *testing.T, cache *cachedversion.Source, behind *source) {
		behind.fail(version.ErrUnavailable)
		for range 3 {
			if _, err := cache.Current(t.Context(), 2*time.Second); !errors.Is(err, version.ErrUnavailable) {
				t.Errorf("Current: %v, want %v", err, version.ErrUnavailable)
			}
		}
		wantAsked(t, behind, 1)
		behind.say(`{"version":"1"}`)
		after(t, cache, 2*time.Second, 2*time.Second, "1")
	})
}

// TestNoAgeAtAllWaitsForALookUpOfItsOwn has callers come while a look-up is under
// way, which began too early for them.
func TestNoAgeAtAllWaitsForALookUpOfItsOwn(t *testing.T) { // V5
	test(t, func(t *testing.T, cache *cachedversion.Source, behind *source) {
		var callers sync.WaitGroup
		callers.Go(func() { after(t, cache, 0, 0, "1") })
		<-time.After(time.Millisecond)
		behind.say(`{"version":"2"}`)
		for range 100 {
			callers.Go(func() { after(t, cache, time.Millisecond, 0, "2") })
		}
		callers.Go(func() { after(t, cache, time.Millisecond, 2*time.Second, "1") }) // young enough for this one
		callers.Wait()
		wantAsked(t, behind, 2)
	})
}

func TestACallerThatLeavesFailsNoOther(t *testing.T) { // V5
	test(t, func(t *testing.T, cache *cachedversion.Source, behind *source) {
		var callers sync.WaitGroup
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := cache.Current(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Current: %v, want %v", err, context.DeadlineExceeded)
			}
		})
		synctest.Wait() // the caller whose context ends has begun the look-up
		after(t, cache, 2*time.Millisecond, 2*time.Second, "1")
		callers.Wait()
		wantAsked(t, behind, 1)
	})
}
