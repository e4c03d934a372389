package versions_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"heliograph/application/versions"
	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// rounds is how many versions are announced while streams connect.
const rounds = 150

// TestNoStreamGetsAnOlderVersionAfterANewerOne announces ever newer versions
// while streams connect, and looks at the order on each.
func TestNoStreamGetsAnOlderVersionAfterANewerOne(t *testing.T) { // V1
	t.Parallel()
	t.Run("V2 pending ones", func(t *testing.T) {
		t.Parallel()
		race(t, func(w *world, v version.Version) {
			if err := w.Announce(t.Context(), "a", v); err != nil {
				t.Errorf("Announce: %v", err)
			}
		}, func() {})
	})
	t.Run("V8 current ones", func(t *testing.T) {
		t.Parallel()
		polls := make(chan *world, 1) // the next version does not wait for the last one's poll
		var polling sync.WaitGroup
		polling.Go(func() {
			for w := range polls {
				w.poll(t)
			}
		})
		race(t, func(w *world, v version.Version) {
			w.source.say(v)
			polls <- w
		}, func() {
			close(polls)
			polling.Wait()
		})
	})
}

func race(t *testing.T, announce func(w *world, v version.Version), end func()) {
	w := newWorld(t, versions.Config{})
	w.source.fail(version.ErrUnavailable)
	var running sync.WaitGroup
	for stream := range 4 {
		running.Go(func() { connectAgainAndAgain(t, w, stream) })
	}
	for n := range rounds {
		announce(w, parse(t, strconv.Itoa(n)))
	}
	running.Wait()
	end()
	w.poll(t)
	for token := range w.streams.streams {
		wantRising(t, token, w.streams.got(token))
	}
}

func connectAgainAndAgain(t *testing.T, w *world, stream int) {
	for n := range rounds {
		token := connection.Token(fmt.Sprintf("%d/%d", stream, n))
		w.streams.attach(token)
		if err := w.Connected(context.WithoutCancel(t.Context()), connection.Connection{RequestID: "a", Token: token}); err != nil {
			t.Errorf("Connected: %v", err)
		}
	}
}

// wantRising holds that a stream got nothing older after something newer, and the
// newest in the end.
func wantRising(t *testing.T, token connection.Token, names []string) {
	t.Helper()
	last := -1
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n < last {
			t.Fatalf("stream %s got %s after %d: %v", token, name, last, names)
		}
		last = n
	}
	if last != rounds-1 {
		t.Errorf("stream %s got %d as the last one, want %d", token, last, rounds-1)
	}
}
