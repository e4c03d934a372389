package httpsender_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// The state that a recovery hands over has the ID of the place where the log is then,
// so it must not overtake a broadcast that is with the gateway.
func TestRecoveryFollowsABroadcastThatIsUnderWay(t *testing.T) { // E6, G2
	gw, hang := newStandIn(extensions...), make(chan struct{})
	gw.special = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/internal/broadcast" {
			<-hang
		}
		return false
	}
	bubbleWith(t, gw, httpsender.Config{}, func(t *testing.T, h *harness) {
		hang = make(chan struct{}) // one of the bubble
		h.open(t, "a")
		release := make(chan struct{})
		h.listener.recover = func(token connection.Token) {
			<-release
			h.send(t, token, snapshot(9))
		}
		h.answer("a", http.StatusInternalServerError)
		h.send(t, "a", snapshot(1))
		synctest.Wait()
		h.answer("a", 0)
		h.send(t, "a", snapshot(2))
		synctest.Wait()
		h.broadcast(t, note(1))
		close(release)
		synctest.Wait()
		h.wantGot(t, "a")
		close(hang)
		synctest.Wait()
		h.wantGot(t, "a", "note 1", "snapshot 9", "snapshot 2")
		h.wantIDs(t, "a", "test-101", "test-101", "test-101")
	})
}

// The gateway's streams are listed if a broadcast reached another number of them than
// the registry has, and only then.
func TestStreamsAreComparedOnlyIfTheirNumbersDiffer(t *testing.T) { // C8
	gw, lists := newStandIn(extensions...), 0
	gw.special = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/internal/connections" && r.URL.Query().Get("limit") != "1" {
			lists++
		}
		return false
	}
	bubbleWith(t, gw, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		pass(httpsender.MatchPause)
		before := lists
		h.broadcast(t, note(1))
		pass(4 * httpsender.MatchPause)
		if lists != before {
			t.Errorf("%d lists were asked for though the numbers agree", lists-before)
		}
		h.gw.open("stranger", &stream{})
		h.broadcast(t, note(2))
		pass(2 * httpsender.MatchPause)
		if lists == before {
			t.Error("no list was asked for though the numbers differ")
		}
	})
}

// A reset says from where the client reads now; the other control events have no place.
func TestControlEventsButTheResetCarryNoID(t *testing.T) { // G2, G3
	resumable(t, func(t *testing.T, h *harness) {
		var got []string
		h.open(t, "a")
		h.gw.with("a", func(s *stream) {
			s.report = func(name, _, id string) { got = append(got, name+" "+id) }
		})
		h.broadcast(t, note(1))
		h.send(t, "a", event.Event{Name: "ping", Data: []byte("{}")})
		h.send(t, "a", reset())
		h.send(t, "a", snapshot(1))
		if err := h.Close(t.Context(), "a", replaced()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if want := []string{"note test-101", "ping ", "stream_reset test-101", "snapshot test-101", "replaced "}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A stream that lost an event of the log is told so, also where each connection has a
// push of its own; one that lost a private event only gets the state.
func TestOnlyALostLogEventIsAGap(t *testing.T) { // E6, G3
	for name, gap := range map[string]bool{"log event": true, "private event": false, "control event for all": false} {
		bubbleWith(t, newStandIn("event-id"), httpsender.Config{}, func(t *testing.T, h *harness) {
			h.open(t, "a")
			h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
			h.answer("a", http.StatusInternalServerError)
			switch name {
			case "log event":
				h.broadcast(t, note(1))
			case "private event":
				h.send(t, "a", snapshot(0))
			default:
				h.broadcast(t, event.Event{Name: "ping", Data: []byte("{}")})
			}
			synctest.Wait()
			h.answer("a", 0)
			pass(httpsender.SweepInterval)
			got := strings.Join(h.gw.got("a"), ", ")
			if strings.Contains(got, "stream_reset") != gap || !strings.Contains(got, "snapshot 1") {
				t.Errorf("after a lost %s the stream got %s; reset wanted: %t", name, got, gap)
			}
		})
	}
}

// After a loss that concerns all, the trunk waits until every stream has the state, but
// not for long: an observer that is slow for one must not hold up the others.
func TestSlowStateHoldsUpTheOthersOnlyForAWhile(t *testing.T) { // C7, E6
	bubbleWith(t, newStandIn("broadcast"), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		synctest.Wait()
		release := make(chan struct{})
		h.listener.recover = func(token connection.Token) {
			if token == "a" {
				<-release
			}
		}
		h.gw.mute = 1
		h.handOver(t, note(1), note(2))
		pass(httpsender.HealTime / 2)
		h.wantGot(t, "b", "note 1")
		pass(httpsender.HealTime)
		h.wantGot(t, "b", "note 1", "note 2")
		close(release)
		synctest.Wait()
		h.wantLanes(t, 0)
	})
}
