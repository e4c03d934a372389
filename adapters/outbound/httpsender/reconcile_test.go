package httpsender_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
)

func TestStreamsThatTheGatewayHoldsAreFoundBeforeAnythingLeaves(t *testing.T) { // C8
	gw := newStandIn(extensions...)
	gw.secret = "not yet"
	for _, token := range []string{"a", "b", "c", "d", "e"} {
		gw.open(token, &stream{url: "/s?x=1&request_id=id-" + token})
	}
	gw.open("f", &stream{url: "/not/ours"})
	gw.open("g", &stream{url: "/s?request_id=task:7"})
	bubbleWith(t, gw, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.listener.adopt = func(token connection.Token) {
			h.register(t, token)
			h.send(t, token, reset())
		}
		h.handOver(t, note(1))
		h.gw.mu.Lock()
		h.gw.secret = ""
		h.gw.mu.Unlock()
		pass(2 * httpsender.LookInterval)
		slices.Sort(h.listener.found)
		if want := []string{"id-a a", "id-b b", "id-c c", "id-d d", "id-e e"}; !slices.Equal(h.listener.found, want) {
			t.Errorf("found %q, want %q", h.listener.found, want)
		}
		h.wantGot(t, "e", `stream_reset {"reason":"epoch"}`, "note 1")
		h.wantIDs(t, "e", "test-100", "test-101")
	})
}

func TestStreamsAreAdoptedManyAtATimeThoughEachIsSlow(t *testing.T) { // C8
	const streams = 3*httpsender.MaxAdopting + 1
	gw := newStandIn(extensions...)
	gw.secret = "not yet"
	for i := range streams {
		gw.open(fmt.Sprintf("t%03d", i), &stream{url: fmt.Sprintf("/s?request_id=id-%d", i)})
	}
	bubbleWith(t, gw, httpsender.Config{}, func(t *testing.T, h *harness) {
		slow := make(chan struct{})
		defer close(slow)
		h.listener.adopt = func(token connection.Token) {
			h.register(t, token)
			<-slow // such as a registry that all nodes share
		}
		h.handOver(t, note(1))
		h.gw.mu.Lock()
		h.gw.secret = ""
		h.gw.mu.Unlock()
		pass(2 * httpsender.LookInterval)
		left := streams
		for left > 0 {
			synctest.Wait()
			h.listener.mu.Lock()
			underWay := len(h.listener.found) - (streams - left)
			h.listener.mu.Unlock()
			if want := min(left, httpsender.MaxAdopting); underWay != want {
				t.Fatalf("%d streams are being adopted, want %d", underWay, want)
			}
			h.wantGot(t, "t000") // the event waits for all streams
			for range underWay {
				slow <- struct{}{}
			}
			left -= underWay
		}
		synctest.Wait()
		h.wantGot(t, "t000", "note 1")
		h.wantGot(t, fmt.Sprintf("t%03d", streams-1), "note 1")
	})
}

func TestTokensThatARestartedGatewayDoesNotKnowAreGone(t *testing.T) { // C8, E5
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b", "c")
		synctest.Wait()
		h.network.setDown(true)
		h.broadcast(t, note(1))
		h.gw.restart(extensions...)
		h.gw.open("c", &stream{})
		h.network.setDown(false)
		pass(httpsender.LookInterval)
		slices.Sort(h.listener.gone)
		if want := []connection.Token{"a", "b"}; !slices.Equal(h.listener.gone, want) {
			t.Errorf("gone %q, want %q", h.listener.gone, want)
		}
		h.wantGot(t, "c", "note 1")
		h.wantLanes(t, 0)
	})
}

func TestStreamsThatTheGatewayLostSilentlyAreFoundOut(t *testing.T) { // E5, M1
	for name, test := range map[string]struct {
		can []string
	}{"that can list": {extensions}, "that cannot": {[]string{"broadcast", "event-id"}}} {
		t.Run(name, func(t *testing.T) {
			bubbleWith(t, newStandIn(test.can...), httpsender.Config{}, func(t *testing.T, h *harness) {
				h.open(t, "a", "b")
				h.broadcast(t, note(1))
				h.gw.forget("a")
				h.broadcast(t, note(2))
				pass(12 * httpsender.MatchPause)
				if len(h.listener.gone) != 1 || h.listener.gone[0] != "a" {
					t.Errorf("gone %q, want a", h.listener.gone)
				}
				h.wantGot(t, "b", "note 1", "note 2")
			})
		})
	}
}
