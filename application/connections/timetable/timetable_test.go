package timetable_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/application/connections/timetable"
	"heliograph/domain/connection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const notice = 30 * time.Second

// recorder is Actions that notes what was said, and when.
type recorder struct {
	begun time.Time

	mu   sync.Mutex
	said []string // guarded by mu
}

func (r *recorder) Expiring(_ context.Context, token connection.Token, expires time.Time) {
	r.note(fmt.Sprintf("%s expires at %v", token, expires.Sub(r.begun)))
}

func (r *recorder) Expired(_ context.Context, token connection.Token) {
	r.note(fmt.Sprintf("%s expired", token))
}

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf("%v: %s", time.Since(r.begun), text))
}

// want checks what was said since it was last called.
func (r *recorder) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	r.said = nil
}

// serve serves table in a bubble until the test ends.
func serve(t *testing.T, table *timetable.Timetable) *recorder {
	t.Helper()
	r := &recorder{begun: time.Now()}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		table.Serve(ctx, r)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return r
}

// in returns a time without a monotonic part, as that of a credential.
func in(d time.Duration) time.Time { return time.Now().Add(d).Round(0) }

func pass(d time.Duration) { <-time.After(d) }

func TestNoticeAndEndComeInTime(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		table := timetable.New(notice)
		r := serve(t, table)
		table.Set("later", in(2*time.Minute))
		table.Set("sooner", in(time.Minute))
		table.Set("never", time.Time{})
		pass(3 * time.Minute)
		r.want(t,
			"30s: sooner expires at 1m0s", "1m0s: sooner expired",
			"1m30s: later expires at 2m0s", "2m0s: later expired")
	})
}

func TestACredentialThatIsShorterThanTheNoticeIsNoticedAtOnce(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		table := timetable.New(notice)
		r := serve(t, table)
		table.Set("short", in(10*time.Second))
		table.Set("over", in(-time.Second))
		r.want(t, "0s: over expired", "0s: short expires at 10s")
		pass(time.Minute)
		r.want(t, "10s: short expired")
	})
}

func TestWithoutANoticeOnlyTheEndIsSaid(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		table := timetable.New(0)
		r := serve(t, table)
		table.Set("a", in(time.Minute))
		pass(2 * time.Minute)
		r.want(t, "1m0s: a expired")
	})
}

func TestARenewedCredentialIsNoticedAgain(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		table := timetable.New(notice)
		r := serve(t, table)
		table.Set("renewed", in(time.Minute))
		table.Set("endless", in(time.Minute))
		pass(40 * time.Second)
		r.want(t, "30s: renewed expires at 1m0s", "30s: endless expires at 1m0s")
		table.Set("renewed", in(time.Minute))
		table.Set("endless", time.Time{})
		table.Set("other", in(10*time.Second))
		pass(5 * time.Minute)
		r.want(t, "40s: other expires at 50s", "50s: other expired", "1m10s: renewed expires at 1m40s", "1m40s: renewed expired")
		table.Set("renewed", in(time.Second)) // it was renewed at the last moment
		pass(2 * time.Second)
		r.want(t, "5m40s: renewed expires at 5m41s", "5m41s: renewed expired")
	})
}

func TestAStreamThatHasEndedIsForgotten(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		table := timetable.New(notice)
		r := serve(t, table)
		table.Set("a", in(time.Minute))
		table.Set("b", in(time.Minute))
		table.Remove("a")
		table.Remove("a")
		pass(2 * time.Minute)
		r.want(t, "30s: b expires at 1m0s", "1m0s: b expired")
		table.Remove("a")
	})
}

func TestAClockThatIsSetCounts(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ahead time.Duration
		set := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			ahead = d
		}
		table := timetable.New(notice)
		table.SetClock(func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead).Round(0)
		})
		r := serve(t, table)
		table.Set("a", in(time.Hour))
		table.Set("b", in(3*time.Hour))
		pass(10*time.Second + time.Millisecond)
		set(time.Hour) // as after a machine has slept
		pass(time.Second)
		r.want(t, "11s: a expired")
		set(-time.Hour)
		pass(3 * time.Hour)
		r.want(t)
		pass(time.Hour)
		r.want(t, "3h59m30s: b expires at 3h0m0s", "4h0m0s: b expired")
	})
}

// TestWhatIsSaidIsWhatTheModelSays has hundreds of streams set and removed at random, many of
// which end at the same time.
func TestWhatIsSaidIsWhatTheModelSays(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		table := timetable.New(notice)
		r := serve(t, table)
		ends := map[connection.Token]time.Time{}
		for range 6_000 {
			token := connection.Token(fmt.Sprintf("token-%d", random.IntN(3_000)))
			end := in(time.Duration(1+random.IntN(5)) * time.Minute)
			if random.IntN(3) == 0 {
				table.Remove(token)
				delete(ends, token)
				continue
			}
			table.Set(token, end)
			ends[token] = end
		}
		var want []string
		for token, end := range ends {
			want = append(want,
				fmt.Sprintf("%v: %s expires at %v", end.Add(-notice).Sub(r.begun), token, end.Sub(r.begun)),
				fmt.Sprintf("%v: %s expired", end.Sub(r.begun), token))
		}
		pass(10 * time.Minute)
		synctest.Wait()
		slices.Sort(want)
		r.mu.Lock()
		defer r.mu.Unlock()
		slices.Sort(r.said)
		if diff := cmp.Diff(want, r.said); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
	})
}

// BenchmarkStreams is what 100,000 streams cost that expire at different times: memory
// for each, and the time to enter, renew and forget one.
func BenchmarkStreams(b *testing.B) {
	const streams = 100_000
	table, begun := timetable.New(notice), time.Now()
	tokens := make([]connection.Token, streams)
	for i := range tokens {
		tokens[i] = connection.Token(fmt.Sprintf("00000000-0000-4000-9000-%012d", i))
	}
	before := heap()
	for i, token := range tokens {
		table.Set(token, begun.Add(time.Hour+time.Duration(i*7919%streams)*time.Millisecond))
	}
	memory := float64(heap()-before) / streams
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		token := tokens[i%streams]
		table.Set(token, begun.Add(2*time.Hour+time.Duration(i)*time.Millisecond))
		table.Remove(token)
		table.Set(token, begun.Add(time.Hour))
	}
	b.ReportMetric(memory, "B/stream")
	runtime.KeepAlive(table)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
