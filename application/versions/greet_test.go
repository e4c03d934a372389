package versions_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/application/versions"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
	"heliograph/test/mocks"
)

func TestConnectedSendsOneVersion(t *testing.T) { // V1
	t.Parallel()
	for _, c := range []struct {
		name             string
		pending, current string
		want             []string
	}{
		{"V1 the pending one of its request_id", "2", "1", []string{"2"}},
		{"V1 otherwise the current one", "", "1", []string{"1"}},
		{"V1 the pending one although the source has no answer", "2", "", []string{"2"}},
		{"V6 nothing while there is none", "", "", []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, standard)
			w.source.fail(version.ErrUnavailable)
			if c.current != "" {
				w.source.say(parse(t, c.current)) // Connected gets this if it asks the source
			}
			if c.pending != "" {
				if err := w.Announce(t.Context(), "a", parse(t, c.pending)); err != nil {
					t.Fatal(err)
				}
			}
			w.connect(t, "a", "token")
			w.AwaitBroadcast(t.Context())
			if diff := cmp.Diff(c.want, w.streams.got("token")); diff != "" {
				t.Errorf("got on the stream (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheVersionOfAConnectionIsAPrivateEvent(t *testing.T) { // V1, V4
	t.Parallel()
	const payload = `{"version":"1","changelog":"new","build":{"id":1.50}}`
	w := newWorld(t, standard)
	w.source.say(parse(t, payload))
	w.poll(t)
	w.connect(t, "a", "token")
	want := []event.Event{{Service: event.ServiceVersion, Name: "version", Data: []byte(payload)}}
	if diff := cmp.Diff(want, w.streams.events("token")); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestConnectionsNeverGetAnotherClientsVersion(t *testing.T) { // V1, V2
	t.Parallel()
	w := newWorld(t, standard)
	w.source.say(parse(t, "1"))
	w.poll(t)
	if err := w.Announce(t.Context(), "a", parse(t, "2")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1"}, w.connect(t, "b", "token")); diff != "" {
		t.Errorf("got on the stream of b (-want +got):\n%s", diff)
	}
}

// TestAVersionQueuedWhileThePendingOneIsRead has the store return an old version
// after a newer one was broadcast.
func TestAVersionQueuedWhileThePendingOneIsRead(t *testing.T) { // V1
	t.Parallel()
	pending := mocks.NewMockVersionPending(gomock.NewController(t))
	w := newWorld(t, standard, func(w *world, _ *version.Source) { w.pending = pending })
	w.source.fail(version.ErrUnavailable)
	older, newer := parse(t, "1"), parse(t, "2")
	pending.EXPECT().Put(gomock.Any(), connection.RequestID("a"), newer).Return(nil)
	gomock.InOrder(
		pending.EXPECT().Get(gomock.Any(), connection.RequestID("a")).
			DoAndReturn(func(ctx context.Context, id connection.RequestID) (version.Version, error) {
				return older, w.Announce(ctx, id, newer)
			}),
		pending.EXPECT().Get(gomock.Any(), connection.RequestID("a")).Return(newer, nil),
	)
	if diff := cmp.Diff([]string{"2", "2"}, w.connect(t, "a", "token")); diff != "" {
		t.Errorf("got on the stream (-want +got):\n%s", diff)
	}
}

func TestAFailureOnConnectIsReturned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		sent, got error
	}{
		{"G4 a stream over its limit", gateway.ErrStreamFull, gateway.ErrStreamFull},
		{"C4 but not that it has gone meanwhile", gateway.ErrUnknownToken, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, standard)
			w.source.say(parse(t, "1"))
			w.poll(t)
			w.streams.sendErr = c.sent
			err := w.Connected(t.Context(), connection.Connection{RequestID: "a", Token: "token"})
			if !errors.Is(err, c.got) {
				t.Errorf("Connected: %v, want %v", err, c.got)
			}
		})
	}
}

func TestNoVersionIsSentWhenThePendingOneCannotBeRead(t *testing.T) { // V1
	t.Parallel()
	pending := mocks.NewMockVersionPending(gomock.NewController(t))
	w := newWorld(t, standard, func(w *world, _ *version.Source) { w.pending = pending })
	w.source.say(parse(t, "1"))
	w.poll(t)
	broken := errors.New("broken")
	pending.EXPECT().Get(gomock.Any(), gomock.Any()).Return(version.Version{}, broken)
	w.streams.attach("token")
	if err := w.Connected(t.Context(), connection.Connection{RequestID: "a", Token: "token"}); !errors.Is(err, broken) {
		t.Errorf("Connected: %v, want %v", err, broken)
	}
	if got := w.streams.got("token"); len(got) != 0 {
		t.Errorf("sent %v, want nothing", got)
	}
}

func TestConnectedWithAnEndedContextSendsNothing(t *testing.T) { // C5
	t.Parallel()
	w := newWorld(t, standard)
	w.source.say(parse(t, "1"))
	w.poll(t)
	w.streams.attach("token")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := w.Connected(ended, connection.Connection{RequestID: "a", Token: "token"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Connected: %v, want %v", err, context.Canceled)
	}
	if got := w.streams.got("token"); len(got) != 0 {
		t.Errorf("sent %v, want nothing", got)
	}
}

func TestABrokerThatDoesNotAnswerDelaysNeitherConnectionsNorCallers(t *testing.T) { // C7, V1, V6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, versions.Config{})
		w.source.say(parse(t, "1"))
		w.poll(t)
		w.streams.hold = make(chan struct{})
		for _, id := range []connection.RequestID{"", "b", "c"} {
			go func() { _ = w.Announce(t.Context(), id, parse(t, "9")) }()
		}
		synctest.Wait() // Publish blocks
		w.source.say(parse(t, "2"))
		for range 3 { // the first call finds version 2, then Serve is broadcasting it
			if v, err := w.Current(t.Context()); err != nil || v.Name() != "2" {
				t.Errorf("Current: %q, %v", v.Name(), err)
			}
			before := time.Now()
			if diff := cmp.Diff([]string{"1"}, w.connect(t, "a", connection.Token(rand.Text()))); diff != "" {
				t.Errorf("got on the stream (-want +got):\n%s", diff)
			}
			if took := time.Since(before); took > time.Second {
				t.Errorf("the connection was held up for %s", took)
			}
		}
		w.source.say(parse(t, "3"))
		w.connect(t, "a", "token")
		close(w.streams.hold)
		synctest.Wait()
		got := slices.DeleteFunc(w.streams.got("token"), func(name string) bool { return name == "9" })
		if diff := cmp.Diff([]string{"1", "2", "3"}, got); diff != "" {
			t.Errorf("got on the stream (-want +got):\n%s", diff)
		}
	})
}
