package httpsender_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// resumable calls f with a harness of each kind of gateway that passes IDs on.
func resumable(t *testing.T, f func(t *testing.T, h *harness)) {
	for name, can := range map[string][]string{"with event IDs": {"event-id"}, "with all extensions": extensions} {
		t.Run(name, func(t *testing.T) { bubbleWith(t, newStandIn(can...), httpsender.Config{}, f) })
	}
}

// register does what comes after Resume.
func (h *harness) register(t *testing.T, token connection.Token) {
	t.Helper()
	c := connection.Connection{RequestID: connection.RequestID(token), Token: token}
	if _, err := h.registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestClientThatComesBackGetsWhatItMissedThenTheLiveEvents(t *testing.T) { // G2, G6
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1), note(2), note(3))
		h.gw.open("a", &stream{})
		h.resume(t.Context(), "a", "test-101")
		h.wantGot(t, "a", "note 2", "note 3")
		h.register(t, "a")
		h.send(t, "a", snapshot(1))
		h.broadcast(t, note(4))
		h.wantGot(t, "a", "note 2", "note 3", "snapshot 1", "note 4")
		h.wantIDs(t, "a", "test-102", "test-103", "test-103", "test-104")
		pass(3 * httpsender.SweepInterval)
		h.wantLanes(t, 0)
	})
}

func TestClientThatCannotResumeIsToldOnce(t *testing.T) { // G3
	tests := map[string]struct {
		id, reason string
		err        error
	}{
		"another epoch":   {"other-101", "epoch", nil},
		"not reached yet": {"test-999", "invalid", nil},
		"no ID":           {"what?", "invalid", nil},
		"expired":         {"test-100", "expired", event.ErrExpired},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			resumable(t, func(t *testing.T, h *harness) {
				h.broadcast(t, note(1))
				h.history.fail(test.err)
				h.gw.open("a", &stream{})
				h.resume(t.Context(), "a", test.id)
				h.register(t, "a")
				h.broadcast(t, note(2))
				h.wantGot(t, "a", `stream_reset {"reason":"`+test.reason+`"}`, "note 2")
				h.wantIDs(t, "a", "test-101", "test-102")
			})
		})
	}
}

// While the log cannot be read it is not known whether the client missed anything
// that is lost: it must ask again, with the same ID.
func TestClientIsSentAwayWhileTheLogCannotBeRead(t *testing.T) { // G3
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1))
		for i, err := range []error{event.ErrUnavailable, errors.New("broken")} {
			h.history.fail(err)
			token, ended := connection.Token(fmt.Sprint(i)), false
			var got []string
			h.gw.open(string(token), &stream{ended: func() { ended = true }, report: func(name, _, _ string) { got = append(got, name) }})
			began := time.Now()
			h.resume(t.Context(), token, "test-100")
			if took := time.Since(began); took != httpsender.ResumeTime {
				t.Errorf("%v: the callback waited %s", err, took)
			}
			h.register(t, token)
			if err := h.Send(t.Context(), token, snapshot(1)); !errors.Is(err, gateway.ErrUnknownToken) {
				t.Errorf("send: %v", err)
			}
			synctest.Wait()
			if !ended || len(got) > 0 {
				t.Errorf("%v: ended %t after %q", err, ended, got)
			}
		}
		pass(3 * httpsender.SweepInterval)
		h.wantLanes(t, 0)
	})
}

func TestClientWaitsForALogThatIsBackSoon(t *testing.T) { // G2
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1))
		h.history.fail(event.ErrUnavailable)
		h.gw.open("a", &stream{})
		time.AfterFunc(httpsender.ResumeTime/2, func() { h.history.fail(nil) })
		h.resume(t.Context(), "a", "test-100")
		h.wantGot(t, "a", "note 1")
	})
}

// A NATS server that has just become leader may say for a moment that the log is
// shorter than it is.
func TestClientThatIsAheadOfOneAnswerIsNotReset(t *testing.T) { // E7, G3
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1), note(2))
		h.history.fail(event.ErrInvalidID)
		time.AfterFunc(500*time.Millisecond, func() { h.history.fail(nil) })
		h.gw.open("a", &stream{})
		h.resume(t.Context(), "a", "test-102")
		h.register(t, "a")
		h.broadcast(t, note(3))
		h.wantGot(t, "a", "note 3")
	})
}

// A page of the log is shorter than it could be where it holds messages of others.
func TestReplayGoesOnAfterAShortPage(t *testing.T) { // G2, G6
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1), note(2), note(3), note(4))
		h.history.mu.Lock()
		h.history.page = 1
		h.history.mu.Unlock()
		h.gw.open("a", &stream{})
		h.resume(t.Context(), "a", "test-101")
		h.wantGot(t, "a", "note 2", "note 3", "note 4")
	})
}

func TestReplayThatIsTooLargeIsAReset(t *testing.T) { // G3, G4
	resumable(t, func(t *testing.T, h *harness) {
		for range 3 {
			h.broadcast(t, event.Event{Service: event.ServiceTask, Name: "note", Data: bytes.Repeat([]byte("1"), httpsender.MaxReplay/2)})
		}
		h.gw.open("a", &stream{})
		h.resume(t.Context(), "a", start.String())
		h.wantGot(t, "a", `stream_reset {"reason":"expired"}`)
	})
}

// Without broadcasts every live event is a push of its own, which must not
// overtake the replay, and reaches a stream that the roster does not have yet.
func TestEventsDuringTheReplayFollowIt(t *testing.T) { // G2, G9
	bubbleWith(t, newStandIn("event-id"), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "other")
		h.broadcast(t, note(1), note(2))
		h.gw.delay = func() time.Duration { return time.Second }
		h.gw.open("a", &stream{})
		resumed := make(chan struct{})
		go func() {
			defer close(resumed)
			h.resume(t.Context(), "a", start.String())
		}()
		pass(500 * time.Millisecond)
		h.handOver(t, note(3))
		pass(2 * time.Second)
		<-resumed
		h.handOver(t, note(4))
		h.register(t, "a")
		h.handOver(t, note(5))
		pass(10 * time.Second)
		h.wantGot(t, "a", "note 1", "note 2", "note 3", "note 4", "note 5")
	})
}

// What was given up while a gateway was away is missing from the streams that resume when
// it is back, too.
func TestStreamThatResumesAfterAnOverflowIsTold(t *testing.T) { // E6, G3
	bubbleWith(t, newStandIn("event-id"), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.broadcast(t, note(0))
		h.network.setDown(true)
		pass(2 * httpsender.AskInterval) // without streams nothing else notices
		for i := range httpsender.MaxEvents + 1 {
			h.handOver(t, note(i+1))
		}
		h.gw.open("a", &stream{})
		resumed := make(chan struct{})
		go func() {
			defer close(resumed)
			h.resume(t.Context(), "a", start.String())
		}()
		synctest.Wait()
		h.gw.delay = func() time.Duration { return time.Second } // it goes on before the stream is registered
		h.network.setDown(false)
		<-resumed
		if !h.Incomplete("a") {
			t.Error("the stream is said to have all that it missed")
		}
		h.register(t, "a")
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := h.gw.got("a")
		if want := []string{"note 0", `stream_reset {"reason":"expired"}`, "snapshot 1"}; len(got) < 3 || !slices.Equal(got[:3], want) {
			t.Errorf("%d events arrived, the first ones are %q; want %q", len(got), got[:min(len(got), 3)], want)
		}
	})
}

func TestGatewayWithoutEventIDsResumesNothing(t *testing.T) { // G6
	for _, can := range [][]string{nil, {"broadcast"}} {
		bubbleWith(t, newStandIn(can...), httpsender.Config{}, func(t *testing.T, h *harness) {
			h.broadcast(t, note(1))
			h.gw.open("a", &stream{})
			h.resume(t.Context(), "a", start.String())
			h.wantGot(t, "a")
		})
	}
}

func TestStreamThatCannotBeResumedInTimeIsToldLater(t *testing.T) { // E6, G3
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1))
		h.network.setDown(true)
		pass(time.Minute)
		h.broadcast(t, note(2))
		h.gw.open("a", &stream{})
		began := time.Now()
		h.resume(t.Context(), "a", start.String())
		if took := time.Since(began); took != httpsender.ResumeTime {
			t.Errorf("the callback waited %s", took)
		}
		h.register(t, "a")
		h.network.setDown(false)
		pass(2 * httpsender.LookInterval)
		h.wantGot(t, "a", `stream_reset {"reason":"expired"}`, "note 2")
		h.wantIDs(t, "a", "test-101", "test-102")
	})
}

// A gateway that understands it then has the client ask again; to any other the
// stream is told that it missed something.
func TestStreamThatCannotBeResumedIsSaidToBeIncomplete(t *testing.T) { // G2, G6
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1), note(2))
		h.gw.open("complete", &stream{})
		h.resume(t.Context(), "complete", "test-101")
		h.gw.open("refused", &stream{status: http.StatusInternalServerError})
		h.resume(t.Context(), "refused", "test-101")
		h.history.fail(event.ErrUnavailable)
		h.gw.open("unread", &stream{})
		h.resume(t.Context(), "unread", "test-101")
		for token, want := range map[connection.Token]bool{"complete": false, "refused": true, "unread": true, "unknown": false} {
			if got := h.Incomplete(token); got != want {
				t.Errorf("incomplete(%s) is %t, want %t", token, got, want)
			}
			if h.Incomplete(token) {
				t.Errorf("%s is said to be incomplete twice", token)
			}
		}
	})
}

func TestClientThatHasAllThatIsUnderWayNeedsNoReset(t *testing.T) { // G3
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{Timeout: 2 * httpsender.ResumeTime}, func(t *testing.T, h *harness) {
		h.gw.stall = 1
		h.broadcast(t, note(1), note(2))
		for token, id := range map[connection.Token]string{"has all": "test-101", "has less": "test-100"} {
			h.gw.open(string(token), &stream{})
			h.resume(t.Context(), token, id)
			if got := h.Incomplete(token); got != (token == "has less") {
				t.Errorf("a client that %s is incomplete: %t", token, got)
			}
		}
	})
}

func TestReplayThatTheGatewayRefusesIsToldLater(t *testing.T) { // E6
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1))
		h.gw.open("a", &stream{status: http.StatusInternalServerError})
		h.resume(t.Context(), "a", start.String())
		h.register(t, "a")
		h.answer("a", 0)
		pass(httpsender.SweepInterval)
		h.wantGot(t, "a", `stream_reset {"reason":"expired"}`)
	})
}

func TestStreamThatLeavesDuringItsReplayIsNoFailure(t *testing.T) { // E5
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(1), note(2))
		h.resume(t.Context(), "a", start.String())
		if h.gw.pushes != 1 {
			t.Errorf("%d pushes to a token that is gone, want 1", h.gw.pushes)
		}
		pass(3 * httpsender.SweepInterval)
		h.wantLanes(t, 0)
	})
}

// The gateway was killed after it had taken a broadcast and before it answered:
// the new one must not be given it again, or clients would get it twice.
func TestBroadcastThatAClientHasGotIsNotRepeated(t *testing.T) { // E7, G2
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "old")
		h.broadcast(t, note(1))
		h.gw.mute = 1
		h.network.refuse(true) // the connection that is there goes on
		h.broadcast(t, note(2))
		h.wantGot(t, "old", "note 1", "note 2")
		h.network.setDown(true)
		h.handOver(t, note(3))
		pass(time.Minute + httpsender.LookInterval/2) // it is not looked for just now
		h.gw.restart(extensions...)
		h.network.setDown(false)
		h.gw.open("new", &stream{})
		h.resume(t.Context(), "new", "test-102")
		h.register(t, "new")
		pass(3 * httpsender.LookInterval)
		h.wantGot(t, "new", "note 3")
	})
}

// The same, but the one that was killed leaves the sender waiting for its answer
// while its clients come back, for less or for more time than they have.
func TestBroadcastThatAClientHasGotIsNotRepeatedAfterATimeOut(t *testing.T) { // E7, G2
	for _, timeout := range []time.Duration{httpsender.ResumeTime / 2, httpsender.ResumeTime * 2} {
		bubbleWith(t, newStandIn(extensions...), httpsender.Config{Timeout: timeout}, func(t *testing.T, h *harness) {
			h.open(t, "old")
			h.broadcast(t, note(1))
			h.gw.stall = 1
			h.broadcast(t, note(2))
			h.wantGot(t, "old", "note 1", "note 2")
			h.gw.restart(extensions...)
			h.gw.open("new", &stream{})
			began := time.Now()
			h.resume(t.Context(), "new", "test-102")
			if took := time.Since(began); took != min(timeout, httpsender.ResumeTime) {
				t.Errorf("the callback waited %s", took)
			}
			h.register(t, "new")
			pass(timeout + httpsender.LookInterval)
			h.broadcast(t, note(3))
			h.wantGot(t, "new", "note 3")
		})
	}
}
