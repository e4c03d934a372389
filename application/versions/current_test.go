package versions_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memboard"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/version"
	"heliograph/test/mocks"
)

func TestTheCurrentVersionIsTheLastAnnouncedOrChanged(t *testing.T) { // V6
	t.Parallel()
	w := newWorld(t, standard)
	for i, step := range []struct {
		name, source, announce, id, want string
	}{
		{"there is none at first", "", "", "", ""},
		{"an announcement without a source", "", "1", "", "1"},
		{"one for a single request_id is not the current one", "", "9", "other", "1"},
		{"the source's first answer", "2", "", "", "2"},
		{"an announcement after it", "2", "3", "", "3"},
		{"an unchanged answer does not undo it", "2", "", "", "3"},
		{"nor does a source that fails", "", "", "", "3"},
		{"nor the source's earlier answer after it failed", "2", "", "", "3"},
		{"another answer does, once it is confirmed", "4", "", "", "3"},
		{"which it is now", "4", "", "", "4"},
		{"an announcement of the source's version", "4", "4", "", "4"},
	} {
		w.source.fail(version.ErrNoSource)
		if step.source != "" {
			w.source.say(parse(t, step.source))
		}
		w.poll(t)
		if step.announce != "" {
			if err := w.Announce(t.Context(), connection.RequestID(step.id), parse(t, step.announce)); err != nil {
				t.Fatalf("%s: Announce: %v", step.name, err)
			}
		}
		w.source.fail(version.ErrNoSource) // so that Connected learns no new version
		want := slices.DeleteFunc([]string{step.want}, func(v string) bool { return v == "" })
		if diff := cmp.Diff(want, w.connect(t, "me", connection.Token(rune('a'+i)))); diff != "" {
			t.Errorf("%s: got on the stream (-want +got):\n%s", step.name, diff)
		}
		if v, err := w.Current(t.Context()); v.Name() != step.want || (err == nil) != (step.want != "") {
			t.Errorf("%s: Current: %q, %v, want %q", step.name, v.Name(), err, step.want)
		}
	}
	if text := w.logged.String(); strings.Contains(text, "WARN") {
		t.Errorf("no source is nothing to warn about:\n%s", text)
	}
}

func TestAnUnchangedSourceAnswersWithTheAnnouncement(t *testing.T) { // V6
	t.Parallel()
	w := newWorld(t, standard, says(t, "1"))
	if err := w.Announce(t.Context(), "", parse(t, "2")); err != nil {
		t.Fatal(err)
	}
	if v, err := w.Current(t.Context()); err != nil || v.Name() != "2" {
		t.Errorf("Current: %q, %v, want what was announced", v.Name(), err)
	}
	w.source.say(parse(t, "3"))
	if v, err := w.Current(t.Context()); err != nil || v.Name() != "3" {
		t.Errorf("Current: %q, %v, want what the source says", v.Name(), err)
	}
}

func TestAnAnnouncementIsKeptOnAllNodesAndAcrossARestart(t *testing.T) { // V6
	synctest.Test(t, func(t *testing.T) {
		board := memboard.New()
		before := sitesOf(t, 2, "e", board)
		before[0].source.say(parse(t, "1"))
		stop := serveAll(t, before)
		if err := before[1].Announce(t.Context(), "", parse(t, "2")); err != nil {
			t.Fatal(err)
		}
		wantGreeting(t, before, "2")
		<-time.After(3 * time.Second) // the source's answer stays the same
		wantGreeting(t, before, "2")
		stop()

		after := sitesOf(t, 2, "f", board) // with an empty log
		after[0].source.say(parse(t, "1"))
		for _, s := range after {
			s.streams.attach("there already")
		}
		stop = serveAll(t, after)
		wantGreeting(t, after, "2")
		<-time.After(3 * time.Second)
		wantGreeting(t, after, "2")
		for _, s := range after {
			if got := s.streams.got("there already"); len(got) != 0 {
				t.Errorf("after the restart got %v, which was broadcast before", got)
			}
		}
		after[0].source.say(parse(t, "3"))
		<-time.After(3 * time.Second)
		wantGreeting(t, after, "3")
		stop()
	})
}

func wantGreeting(t *testing.T, all []*site, want string) {
	t.Helper()
	for i, s := range all {
		if got := s.connect(t, "a", "new"); !slices.Equal(got, []string{want}) {
			t.Errorf("a stream of node %d got %v, want %s", i, got, want)
		}
	}
}

// TestOneConnectOneVersion connects clients, with and without a pending version, at the
// moment when the source's version is found.
func TestOneConnectOneVersion(t *testing.T) { // V1
	t.Parallel()
	for _, c := range []struct{ name, pending, want string }{
		{"the pending one, and not the current one from the log after it", "2", "2"},
		{"the current one from the log, and not once more", "", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, standard)
			if c.pending != "" {
				if err := w.Announce(t.Context(), "a", parse(t, c.pending)); err != nil {
					t.Fatal(err)
				}
			}
			w.source.say(parse(t, "1"))
			w.connect(t, "a", "token")
			w.AwaitBroadcast(t.Context())
			if diff := cmp.Diff([]string{c.want}, w.streams.got("token")); diff != "" {
				t.Errorf("got on the stream (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAConnectionWaitsUntilTheStoredVersionIsRead(t *testing.T) { // V1, V6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		board := memboard.New()
		kept := version.Logged{Version: parse(t, "1"), At: event.ID{Epoch: "earlier", Seq: 7}}
		if err := board.Put(t.Context(), version.SlotCurrent, kept); err != nil {
			t.Fatal(err)
		}
		w := newStillWorld(t, standard, func(w *world, _ *version.Source) { w.board = board })
		early := make(chan []string)
		go func() { early <- w.connect(t, "a", "early") }() // a stream that a gateway held already
		synctest.Wait()
		serve(t, w)
		if diff := cmp.Diff([]string{"1"}, <-early); diff != "" {
			t.Errorf("got on the stream (-want +got):\n%s", diff)
		}
	})
}

// faultyBoard is a board that returns the errors that a test sets.
type faultyBoard struct {
	version.Board

	get, put atomic.Pointer[error] // nil: it does not fail
}

func (b *faultyBoard) Get(ctx context.Context, slot version.Slot) (version.Logged, error) {
	if err := b.get.Load(); err != nil {
		return version.Logged{}, *err
	}
	return b.Board.Get(ctx, slot)
}

func (b *faultyBoard) Put(ctx context.Context, slot version.Slot, v version.Logged) error {
	if err := b.put.Load(); err != nil {
		return *err
	}
	return b.Board.Put(ctx, slot, v)
}

func TestABoardThatFailsIsTriedAgain(t *testing.T) { // V6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		board := &faultyBoard{Board: memboard.New()}
		board.get.Store(new(event.ErrUnavailable))
		w := newWorld(t, standard, func(w *world, _ *version.Source) { w.board = board })
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := w.Connected(short, connection.Connection{RequestID: "a", Token: "token"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Connected, before the stored version was read: %v", err)
		}
		board.get.Store(nil)
		<-time.After(time.Second)
		synctest.Wait()
		board.put.Store(new(event.ErrUnavailable))
		if err := w.Announce(t.Context(), "", parse(t, "2")); err != nil {
			t.Errorf("Announce: %v, but it is in the log", err)
		}
		if diff := cmp.Diff([]string{"2"}, w.connect(t, "a", "token")); diff != "" {
			t.Errorf("got on the stream (-want +got):\n%s", diff)
		}
		<-time.After(5 * time.Second)
		board.put.Store(nil)
		<-time.After(time.Second)
		synctest.Wait()
		if kept, err := board.Board.Get(t.Context(), version.SlotCurrent); err != nil || kept.Version.Name() != "2" {
			t.Errorf("the board has %q, %v, want 2", kept.Version.Name(), err)
		}
	})
}

func TestAStoredVersionThatCannotBeReadCountsAsNone(t *testing.T) { // V6
	t.Parallel()
	board := mocks.NewMockVersionBoard(gomock.NewController(t))
	board.EXPECT().Get(gomock.Any(), gomock.Any()).Return(version.Logged{}, version.ErrInvalid).AnyTimes()
	board.EXPECT().Put(gomock.Any(), gomock.Any(), gomock.Any()).Return(nil).AnyTimes()
	w := newWorld(t, standard, func(w *world, _ *version.Source) { w.board = board })
	w.source.say(parse(t, "1"))
	w.poll(t)
	if diff := cmp.Diff([]string{"1"}, w.connect(t, "a", "token")); diff != "" {
		t.Errorf("got on the stream (-want +got):\n%s", diff)
	}
	if n := strings.Count(w.logged.String(), "stored version cannot be read"); n != 2 {
		t.Errorf("logged %d times, want once for each slot:\n%s", n, w.logged)
	}
}

func TestTheReasonOfAFailureIsForClientsAndTheCauseForTheLog(t *testing.T) { // V6
	t.Parallel()
	w := newWorld(t, standard)
	w.source.fail(&version.SourceError{Reason: "it cannot be reached", Cause: errors.New("dial tcp 10.0.0.1:80: /secret")})
	for range 2 {
		_, err := w.Current(t.Context())
		if !errors.Is(err, version.ErrUnavailable) || err.Error() != "version source is unavailable: it cannot be reached" {
			t.Errorf("Current: %v", err)
		}
	}
	w.source.fail(&version.SourceError{Reason: "it answered 404"})
	_, _ = w.Current(t.Context())
	for text, want := range map[string]int{"dial tcp 10.0.0.1:80: /secret": 1, "it answered 404": 1} {
		if got := strings.Count(w.logged.String(), text); got != want {
			t.Errorf("%q was logged %d times, want %d:\n%s", text, got, want, w.logged)
		}
	}
}
