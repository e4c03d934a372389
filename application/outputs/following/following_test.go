package following_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/application/outputs/following"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/test/mocks"
)

// in runs a test in a bubble.
func in(t *testing.T, cfg following.Config, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newFixture(t, cfg, nil)) })
}

// pass lets time go by, in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestAStreamGetsWhatATaskPrintsUntilItEnds(t *testing.T) { // T22
	in(t, following.Config{}, func(_ *testing.T, f *fixture) {
		f.starts("a")
		f.prints("a", "one\n")
		f.connects("s")
		f.want("s") // nothing unasked
		f.follows("s", "a", 0)
		f.want("s", said("a", 0, "one\n"))
		f.want("s")
		f.prints("a", "two ü\n")
		f.prints("a", "<three>\n")
		f.want("s", said("a", 4, "two ü\n<three>\n"))
		f.ends("a")
		f.want("s", ended(said("a", 19, "")))
		f.follows("s", "a", 11)
		f.want("s", ended(said("a", 11, "<three>\n")))
		if n := f.Count(); n != 0 {
			t.Errorf("%d streams follow something", n)
		}
	})
}

func TestASlowStreamHoldsOneEventAndDelaysNobody(t *testing.T) { // T22, E10, G4
	in(t, following.Config{}, func(t *testing.T, f *fixture) {
		f.connects("slow")
		f.connects("quick")
		for n := range following.MaxFollowed {
			id := task.ID(fmt.Sprint("task-", n))
			f.starts(id)
			f.follows("slow", id, 0)
			f.follows("quick", id, 0)
		}
		for n := range 20 {
			for m := range following.MaxFollowed {
				id := fmt.Sprint("task-", m)
				f.prints(task.ID(id), "line\n")
				f.want("quick", said(id, 5*n, "line\n"))
			}
		}
		for n := range following.MaxFollowed { // the sender checks that it never had two
			p, _ := f.sender.write("slow")
			if n == 0 && p.Text != "line\n" || n > 0 && p.Text != strings.Repeat("line\n", 20) {
				t.Errorf("the slow one gets %s", p.data)
			}
		}
		f.want("slow", said("task-0", 5, strings.Repeat("line\n", 19)))
	})
}

func TestWhatIsGoneIsNamed(t *testing.T) { // T21, T22
	in(t, following.Config{}, func(t *testing.T, f *fixture) {
		f.starts("a")
		f.connects("s")
		f.follows("s", "a", 0)
		text := strings.Repeat("0123456789abcdef", 1<<14) // 256 KiB
		f.prints("a", text)
		f.ends("a")
		at := int64(0)
		gaps := int64(0)
		for {
			p, ok := f.sender.write("s")
			if !ok || p.Offset != at {
				t.Fatalf("at %d there is %.100s", at, p.data)
			}
			if text[at:at+int64(len(p.Text))] != p.Text || p.Gap > 0 && p.Text != "" {
				t.Errorf("at %d there is something else: %.100s", at, p.data)
			}
			at, gaps = at+int64(len(p.Text))+p.Gap, gaps+p.Gap
			if p.Closed {
				break
			}
		}
		if at != int64(len(text)) || gaps != int64(len(text))-output.HeadBytes-output.MinTail {
			t.Errorf("it has come to %d, with %d bytes gone", at, gaps)
		}
	})
}

func TestAStreamFollowsAnewFromTheOffsetThatItHas(t *testing.T) { // T22
	in(t, following.Config{}, func(t *testing.T, f *fixture) {
		f.starts("a")
		f.prints("a", "one two")
		f.connects("s")
		f.follows("s", "a", 0)
		synctest.Wait() // one event is under way
		f.follows("s", "a", 4)
		f.want("s", said("a", 0, "one two"), said("a", 4, "two"))
		if err := f.Unfollow(t.Context(), "s", "a"); err != nil {
			t.Error(err)
		}
		f.prints("a", " three")
		f.want("s")
		for _, id := range []task.ID{"a", "unknown"} { // which changes nothing
			if err := f.Unfollow(t.Context(), "s", id); err != nil {
				t.Error(err)
			}
		}
		f.follows("s", "a", 7)
		f.want("s", said("a", 7, " three"))
	})
}

func TestWhatCannotBeFollowed(t *testing.T) { // T22
	in(t, following.Config{}, func(t *testing.T, f *fixture) {
		f.starts("a")
		f.connects("s")
		for what, c := range map[string]struct {
			request connection.RequestID
			f       output.Followed
			want    error
		}{
			"a stream that is not there":  {"x", output.Followed{Task: "a"}, connection.ErrNotFound},
			"a task that is not there":    {"s", output.Followed{Task: "x"}, task.ErrNotFound},
			"an offset that is not there": {"s", output.Followed{Task: "a", Offset: 1}, output.ErrWrongOffset},
		} {
			if err := f.Follow(t.Context(), c.request, c.f); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", what, err, c.want)
			}
		}
		if err := f.Unfollow(t.Context(), "x", "a"); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("Unfollow: %v", err)
		}
		for n := range following.MaxFollowed {
			f.starts(task.ID(fmt.Sprint(n)))
			f.follows("s", task.ID(fmt.Sprint(n)), 0)
		}
		if err := f.Follow(t.Context(), "s", output.Followed{Task: "a"}); !errors.Is(err, output.ErrTooMany) {
			t.Errorf("too many: %v", err)
		}
		f.follows("s", "0", 0) // again
		f.ends("0")
		f.want("s", ended(said("0", 0, "")))
		f.follows("s", "a", 0)
	})
}

func TestTheEndOfAStreamEndsItsFollowings(t *testing.T) { // T22
	in(t, following.Config{}, func(t *testing.T, f *fixture) {
		f.starts("a")
		for _, pending := range []bool{false, true} {
			f.connects("s")
			f.follows("s", "a", 0)
			if pending {
				f.prints("a", "one")
			}
			synctest.Wait()
			f.disconnects("s")
			synctest.Wait()
			if n := f.Count(); n != 0 {
				t.Errorf("%d streams follow something (an event is under way: %t)", n, pending)
			}
		}
		f.connects("s") // and ends without a word
		f.follows("s", "a", 3)
		f.sender.mu.Lock()
		delete(f.sender.under, "s")
		f.sender.mu.Unlock()
		f.prints("a", "two")
		synctest.Wait()
		if n := f.Count(); n != 0 {
			t.Errorf("%d streams follow something", n)
		}
		// One that ends while it is told to follow.
		c := connection.Connection{RequestID: "gone", Token: "gone"}
		if err := f.FollowHere(t.Context(), c, output.Followed{Task: "a"}); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("FollowHere: %v", err)
		}
		synctest.Wait()
		if n := f.Count(); n != 0 {
			t.Errorf("%d streams follow something", n)
		}
	})
}

func TestAnEventThatWasLostIsSentAgain(t *testing.T) { // T22, E6
	in(t, following.Config{}, func(_ *testing.T, f *fixture) {
		f.starts("a")
		f.prints("a", "one")
		f.connects("s")
		f.follows("s", "a", 0)
		synctest.Wait()
		f.sender.lose("s")
		_ = f.Connected(t.Context(), connection.Connection{Token: "s"})
		_ = f.Connected(t.Context(), connection.Connection{Token: "another"})
		f.want("s", said("a", 0, "one"))
	})
}

func TestAnOutputThatCannotBeReadNowIsReadLater(t *testing.T) { // T22
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, following.Config{}, nil)
		f.connects("s")
		store := &troubled{fixture: f}
		f.Service = following.New(following.Config{}, following.Deps{Outputs: store, Registry: f.registry, Sender: f.sender, Control: noControl{}, Log: f.log.Logger()})
		t.Cleanup(func() { _ = f.Stop(context.WithoutCancel(t.Context())) })
		f.starts("a")
		f.prints("a", "one")
		store.set(output.ErrUnavailable)
		f.follows("s", "a", 0)
		pass(time.Minute)
		f.want("s")
		f.log.Want(t, "level=WARN", "cannot be read", "task_id=a")
		store.set(&output.OffsetError{Length: 1}) // the newest was lost: a power cut
		pass(5 * time.Second)
		store.set(nil)
		pass(5 * time.Second)
		f.want("s", said("a", 1, "ne"))
		store.set(task.ErrNotFound) // it was removed
		f.prints("a", "!")
		pass(5 * time.Second)
		f.want("s", ended(said("a", 3, "")))
	})
}

// troubled fails to read on.
type troubled struct {
	*fixture

	mu  sync.Mutex
	err error // guarded by mu
}

func (o *troubled) set(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *troubled) Read(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	return o.outputs.Read(ctx, id, from, limit)
}

func (o *troubled) Await(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	return o.outputs.Await(ctx, id, from, limit)
}

func (o *troubled) Next(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	o.mu.Lock()
	err := o.err
	o.mu.Unlock()
	if err != nil {
		<-time.After(time.Second)
		return output.Chunk{}, err
	}
	return o.outputs.Next(ctx, id, from, limit)
}

func (o *troubled) Follow(id task.ID, news func()) (stop func()) { return o.outputs.Follow(id, news) }

type noControl struct{ gateway.Control }

func (noControl) Owns(string) bool { return true }

func TestTheNodeThatHasTheStreamFollows(t *testing.T) { // T22
	synctest.Test(t, func(t *testing.T) {
		control := mocks.NewMockGatewayControl(gomock.NewController(t))
		control.EXPECT().Owns(gomock.Any()).Return(false).AnyTimes()
		f := newFixture(t, following.Config{}, control)
		f.starts("a")
		f.prints("a", "one")
		f.connects("s")
		ctx := t.Context()
		for _, c := range []struct{ says, want error }{{nil, nil}, {output.ErrTooMany, output.ErrTooMany}, {gateway.ErrNodeAway, connection.ErrUnavailable}} {
			control.EXPECT().Follow(gomock.Any(), "", connection.Token("s"), output.Followed{Task: "a", Offset: 2}).Return(c.says)
			if err := f.Follow(ctx, "s", output.Followed{Task: "a", Offset: 2}); !errors.Is(err, c.want) {
				t.Errorf("Follow: %v, want %v", err, c.want)
			}
			control.EXPECT().Follow(gomock.Any(), "", connection.Token("s"), output.Followed{Task: "a", Ends: true}).Return(c.says)
			if err := f.Unfollow(ctx, "s", "a"); !errors.Is(err, c.want) {
				t.Errorf("Unfollow: %v, want %v", err, c.want)
			}
		}
	})
}

func TestAStopHandsOverWhatThereIs(t *testing.T) { // T15, T22
	in(t, following.Config{}, func(t *testing.T, f *fixture) {
		f.starts("a")
		f.starts("goes on")
		f.connects("quick")
		f.connects("stuck")
		for _, s := range []string{"quick", "stuck"} {
			f.follows(s, "a", 0)
			f.follows(s, "goes on", 0)
		}
		f.prints("a", "last words")
		synctest.Wait()
		stopped, begin := make(chan struct{}), time.Now()
		go func() {
			_ = f.Stop(t.Context())
			close(stopped)
		}()
		f.want("quick", said("a", 0, "last words"))
		<-stopped
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("it waited %s for the one that is stuck", took)
		}
		if err := f.Follow(t.Context(), "quick", output.Followed{Task: "a"}); !errors.Is(err, output.ErrShuttingDown) {
			t.Errorf("Follow: %v", err)
		}
	})
}

func TestEventsAreNoLargerThanTheyMayBe(t *testing.T) { // E8, T22
	for _, cfg := range []following.Config{{MaxEventBytes: 1 << 10}, {MaxEventBytes: 64 << 10, MaxWritten: 2 << 10}, {MaxEventBytes: 64 << 10}} {
		in(t, cfg, func(t *testing.T, f *fixture) {
			text := strings.Repeat("\x00\"ü\u2028€😀\n\t", 3000)
			f.starts("a")
			f.prints("a", text)
			f.ends("a")
			f.connects("s")
			f.follows("s", "a", 0)
			var got strings.Builder
			for {
				p, ok := f.sender.write("s")
				if !ok || p.Offset != int64(got.Len()) || len(p.data) > cfg.MaxEventBytes || cfg.MaxWritten > 0 && event.Written(p.data) > cfg.MaxWritten {
					t.Fatalf("after %d bytes: %d bytes, %.100s", got.Len(), len(p.data), p.data)
				}
				got.WriteString(p.Text)
				if p.Closed {
					break
				}
			}
			if got.String() != text {
				t.Errorf("%d bytes, want %d, or others", got.Len(), len(text))
			}
		})
	}
}

func TestAStreamThatTakesNoEventFollowsNothing(t *testing.T) {
	for err, logged := range map[error]bool{gateway.ErrUnknownToken: false, gateway.ErrClosed: false, gateway.ErrStreamFull: true} {
		in(t, following.Config{}, func(t *testing.T, f *fixture) {
			f.starts("a")
			f.prints("a", "one")
			f.connects("s")
			f.sender.err = err
			f.follows("s", "a", 0)
			synctest.Wait()
			if n := f.Count(); n != 0 || f.log.Has("level=WARN") != logged {
				t.Errorf("%v: %d streams follow something; the log: %s", err, n, f.log)
			}
		})
	}
}

func TestNewsThatAreLostCostHalfAMinute(t *testing.T) { // T22
	in(t, following.Config{}, func(t *testing.T, f *fixture) {
		f.starts("a")
		f.connects("s")
		f.follows("s", "a", 0)
		f.want("s")
		pass(10 * time.Minute)
		f.want("s")
		f.prints("a", "x")
		f.want("s", said("a", 0, "x"))
	})
}
