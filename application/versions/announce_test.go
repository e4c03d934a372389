package versions_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/version"
	"heliograph/test/mocks"
)

func TestAnnounceBroadcastsAtOnceAndKeepsForOne(t *testing.T) { // V2
	t.Parallel()
	w := newWorld(t, standard)
	w.source.fail(version.ErrUnavailable)
	w.connect(t, "a", "token a")
	w.connect(t, "b", "token b")
	v := parse(t, `{"version":"2","changelog":"new","more":[1]}`)
	if err := w.Announce(t.Context(), "a", v); err != nil {
		t.Fatal(err)
	}
	for _, token := range []connection.Token{"token a", "token b"} {
		want := []event.Event{{Service: event.ServiceVersion, Name: "version", Data: v.Payload(), Topic: "version"}} // V4
		if diff := cmp.Diff(want, w.streams.events(token)); diff != "" {
			t.Errorf("%s got (-want +got):\n%s", token, diff)
		}
	}
	if diff := cmp.Diff([]string{"2"}, w.connect(t, "a", "new token")); diff != "" {
		t.Errorf("a got on connect (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{}, w.connect(t, "c", "token c")); diff != "" {
		t.Errorf("c got on connect (-want +got):\n%s", diff)
	}
}

func TestAnnounceWithoutConnectionsIsAccepted(t *testing.T) { // V2, E3
	t.Parallel()
	w := newWorld(t, standard)
	if err := w.Announce(t.Context(), "", parse(t, "2")); err != nil {
		t.Errorf("Announce: %v", err)
	}
	if diff := cmp.Diff([]string{"2"}, w.streams.broadcasts()); diff != "" {
		t.Errorf("broadcast (-want +got):\n%s", diff)
	}
}

func TestAPendingVersionStaysUntilAnother(t *testing.T) { // V3
	t.Parallel()
	w := newWorld(t, standard)
	w.source.fail(version.ErrUnavailable)
	for _, c := range []struct {
		announce string
		token    connection.Token
		want     string
	}{{"2", "first", "2"}, {"", "second", "2"}, {"3", "third", "3"}} {
		if c.announce != "" {
			if err := w.Announce(t.Context(), "a", parse(t, c.announce)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{c.want}, w.connect(t, "a", c.token)); diff != "" {
			t.Errorf("%s connection got (-want +got):\n%s", c.token, diff)
		}
	}
}

func TestAfterShutdownBeganAnnounceDoesNothing(t *testing.T) { // V7
	t.Parallel()
	pending := mocks.NewMockVersionPending(gomock.NewController(t)) // no Put
	w := newWorld(t, standard, func(w *world, _ *version.Source) { w.pending = pending })
	w.Drain()
	w.Drain()
	if err := w.Announce(t.Context(), "a", parse(t, "2")); !errors.Is(err, version.ErrShuttingDown) {
		t.Errorf("Announce: %v, want %v", err, version.ErrShuttingDown)
	}
	w.source.say(parse(t, "3"))
	w.poll(t)
	if got := w.streams.broadcasts(); len(got) != 0 {
		t.Errorf("broadcast %v, want nothing", got)
	}
}

func TestConnectionsStillGetTheirVersionDuringShutdown(t *testing.T) { // V1
	t.Parallel()
	w := newWorld(t, standard)
	w.source.say(parse(t, "1"))
	w.poll(t)
	w.Drain()
	if diff := cmp.Diff([]string{"1"}, w.connect(t, "a", "token")); diff != "" {
		t.Errorf("got on the stream (-want +got):\n%s", diff)
	}
}

func TestAnOverLargeVersionIsRefused(t *testing.T) { // E8
	t.Parallel()
	for _, c := range []struct {
		name string
		size int
		want error
	}{{"at the limit", 1 << 10, nil}, {"over it", 1<<10 + 1, version.ErrTooLarge}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, standard)
			v := parse(t, strings.Repeat("1", c.size-len(`{"version":""}`)))
			if err := w.Announce(t.Context(), "a", v); !errors.Is(err, c.want) {
				t.Errorf("Announce of %d bytes: %v, want %v", c.size, err, c.want)
			}
			if stored, _ := w.pending.Get(t.Context(), "a"); stored.IsZero() != (c.want != nil) {
				t.Errorf("pending: %.20s", stored.Name())
			}
		})
	}
}

func TestAnnounceReturnsWhatFailed(t *testing.T) { // V2
	t.Parallel()
	t.Run("the broker", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, standard)
		w.streams.breakPublish(event.ErrUnavailable)
		if err := w.Announce(t.Context(), "a", parse(t, "2")); !errors.Is(err, event.ErrUnavailable) {
			t.Errorf("Announce: %v, want %v", err, event.ErrUnavailable)
		}
	})
	t.Run("the store, before anything is broadcast", func(t *testing.T) {
		t.Parallel()
		pending := mocks.NewMockVersionPending(gomock.NewController(t))
		w := newWorld(t, standard, func(w *world, _ *version.Source) { w.pending = pending })
		broken := errors.New("broken")
		pending.EXPECT().Put(gomock.Any(), gomock.Any(), gomock.Any()).Return(broken)
		if err := w.Announce(t.Context(), "a", parse(t, "2")); !errors.Is(err, broken) {
			t.Errorf("Announce: %v, want %v", err, broken)
		}
		if got := w.streams.broadcasts(); len(got) != 0 {
			t.Errorf("broadcast %v, want nothing", got)
		}
	})
}

func TestAnnouncementsForOneClientRunOneAfterTheOther(t *testing.T) { // V1, V2
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, standard)
		w.streams.hold = make(chan struct{})
		go func() { _ = w.Announce(t.Context(), "a", parse(t, "1")) }()
		synctest.Wait() // Publish blocks
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Announce(limited, "a", parse(t, "2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Announce with a context that ended while it waited: %v", err)
		}
		go func() { _ = w.Announce(t.Context(), "a", parse(t, "3")) }()
		synctest.Wait()
		if v, _ := w.pending.Get(t.Context(), "a"); v.Name() != "1" {
			t.Errorf("pending is %s, before 1 was broadcast", v.Name())
		}
		close(w.streams.hold)
		synctest.Wait()
		if diff := cmp.Diff([]string{"1", "3"}, w.streams.broadcasts()); diff != "" {
			t.Errorf("broadcast (-want +got):\n%s", diff)
		}
		if v, _ := w.pending.Get(t.Context(), "a"); v.Name() != "3" {
			t.Errorf("pending is %s", v.Name())
		}
	})
}

func TestVersionThatIsTooLargeAsItIsWrittenIsRefused(t *testing.T) { // E8
	t.Parallel()
	cfg := standard
	cfg.MaxWritten = 1 << 10
	w := newWorld(t, cfg)
	v, err := version.Parse([]byte(`{"version":"` + strings.Repeat(`\"`, 300) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Announce(t.Context(), "a", v); !errors.Is(err, version.ErrTooLarge) {
		t.Errorf("announce: %v, want ErrTooLarge", err)
	}
}
