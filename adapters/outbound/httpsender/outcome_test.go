package httpsender_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	words "heliograph/domain/stream"
)

func TestUnknownTokenIsGoneAndTheOthersGetTheirs(t *testing.T) { // E5, M1
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b", "c")
		h.gw.with("b", func(s *stream) { *s = stream{status: http.StatusNotFound} })
		h.handOver(t, note(1), note(2))
		synctest.Wait()
		h.wantGot(t, "a", "note 1", "note 2")
		h.wantGot(t, "c", "note 1", "note 2")
		if len(h.listener.gone) != 1 || h.listener.gone[0] != "b" || len(h.listener.failed) != 0 {
			t.Errorf("gone %v, failed %v; want b gone once", h.listener.gone, h.listener.failed)
		}
		if ok, failed, requests := h.metrics.get(event.ServiceTask); ok != 4 || failed != 1 || requests != 5 {
			t.Errorf("%d succeeded, %d failed, %d requests; want 4, 1, 5", ok, failed, requests)
		}
		h.wantLanes(t, 0)
	})
}

func TestFailureCostsNoOtherStreamTheEvent(t *testing.T) { // E6, M1
	tests := map[string]struct {
		misbehave func(h *harness)
		why       error
	}{
		"an error": {func(h *harness) { h.answer("b", http.StatusInternalServerError) }, gateway.ErrRefused},
		"a hang":   {func(h *harness) { h.stick("b") }, gateway.ErrUnreachable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
				h.open(t, "a", "b", "c")
				test.misbehave(h)
				h.broadcast(t, note(1), note(2))
				h.wantGot(t, "a", "note 1", "note 2")
				h.wantGot(t, "c", "note 1", "note 2")
				pass(2 * 5 * time.Second) // the time-out
				if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 4 || failed != 2 {
					t.Errorf("%d succeeded, %d failed; want 4 and 2", ok, failed)
				}
				if len(h.listener.failed) != 2 || !errors.Is(h.listener.failed[0], test.why) {
					t.Errorf("listener heard %v, want %v twice", h.listener.failed, test.why)
				}
			})
		})
	}
}

func TestRefusalSaysWhatTheGatewaySaid(t *testing.T) {
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		if got := h.listener.failed[0].Error(); !strings.Contains(got, `status 500, code "WRITE_FAILED"`) {
			t.Errorf("the listener heard %q", got)
		}
	})
}

// A Node.js gateway closes its end after 5 s, and a push that crosses with that
// is lost.
func TestConnectionIsKeptForLessTimeThanTheGatewayKeepsIt(t *testing.T) {
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		for _, idle := range []struct {
			time  time.Duration
			conns int
		}{{0, 1}, {3 * time.Second, 1}, {5 * time.Second, 2}} {
			pass(idle.time)
			h.broadcast(t, note(1))
			if got := len(h.gw.conns); got != idle.conns {
				t.Errorf("%d connections after %s without use, want %d", got, idle.time, idle.conns)
			}
		}
	})
}

func TestControlEventsAreNotCounted(t *testing.T) { // M1
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.broadcast(t, event.Event{Name: words.NamePing, Data: []byte(`{}`)})
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, event.Event{Name: words.NamePing, Data: []byte(`{}`)})
		h.wantGot(t, "a", "ping {}")
		if len(h.metrics.counts) != 0 {
			t.Errorf("counted %v, want nothing", h.metrics.counts)
		}
	})
}

func TestClosingAStreamThatIsGoneIsNormal(t *testing.T) { // C3
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		if err := h.Close(t.Context(), "old", replaced()); err != nil {
			t.Fatal(err)
		}
		h.wantLanes(t, 0)
		h.stop()
		if h.logs.Len() > 0 {
			t.Errorf("logged %s", h.logs)
		}
	})
}

// parts gives these events one after the other.
func parts(evs ...event.Event) gateway.Parts {
	return func() (part *gateway.Part, more bool) {
		part, evs = gateway.NewPart(evs[0]), evs[1:]
		return part, len(evs) > 0
	}
}

func TestPartThatCannotBeHandedOverIsReported(t *testing.T) { // E6, T13
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		if err := h.SendParts(t.Context(), "a", parts(snapshot(1), event.Event{Name: "x"}, snapshot(3))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.wantGot(t, "a", "snapshot 1")
		if len(h.listener.failed) != 1 || !errors.Is(h.listener.failed[0], event.ErrInvalid) {
			t.Errorf("the listener heard %v, want that the part is invalid", h.listener.failed)
		}
	})
}

func TestStreamThatEndsBetweenPartsIsNoFailure(t *testing.T) { // C3, T13
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		release := h.stick("a")
		if err := h.SendParts(t.Context(), "a", parts(snapshot(1), snapshot(2))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := h.Close(t.Context(), "a", replaced()); err != nil {
			t.Fatal(err)
		}
		release()
		synctest.Wait()
		if len(h.listener.failed) > 0 {
			t.Errorf("the listener heard %v", h.listener.failed)
		}
	})
}

func TestFailedCloseIsTriedAgainAndThenLoggedAndOver(t *testing.T) { // C3, A17
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.gw.open("old", &stream{status: http.StatusInternalServerError})
		if err := h.Close(t.Context(), "old", replaced()); err != nil {
			t.Fatal(err)
		}
		h.wantLanes(t, 0)
		h.stop()
		if h.gw.pushes != 3 {
			t.Errorf("%d pushes, want 3", h.gw.pushes)
		}
		if got := h.logs.String(); strings.Count(got, "stream could not be closed") != 1 || strings.Contains(got, "old") {
			t.Errorf("logged %q, want one line without the token", got)
		}
	})
}

func TestStreamThatIsClosingTakesNothingMore(t *testing.T) { // C3
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		var closed []string
		h.gw.with("a", func(s *stream) { s.report = func(name, _, _ string) { closed = append(closed, name) } })
		release := h.stick("a")
		h.handOver(t, note(1), state(2))
		if err := h.Close(t.Context(), connection.Token("a"), replaced()); err != nil {
			t.Fatal(err)
		}
		h.handOver(t, note(3))
		for call, err := range map[string]error{
			"Send":  h.Send(t.Context(), "a", note(4)),
			"Close": h.Close(t.Context(), "a", replaced()),
		} {
			if !errors.Is(err, gateway.ErrUnknownToken) {
				t.Errorf("%s after Close: %v, want ErrUnknownToken", call, err)
			}
		}
		release()
		synctest.Wait()
		if got := strings.Join(closed, " "); got != "note state replaced" {
			t.Errorf("the closed stream got %s", got)
		}
		h.wantGot(t, "b", "note 1", "state 2", "note 3")
	})
}
