package httpsender_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/event"
)

// Behind a gateway that cannot list its streams, they would never be found again.
func TestStreamsThatWouldBeForgottenAreClosedAtTheStop(t *testing.T) { // C8
	for name, test := range map[string]struct {
		can     []string
		forgets bool
		want    int // streams left
	}{
		"a broker that forgets":              {nil, true, 0},
		"one that remembers":                 {nil, false, 2},
		"a gateway that lists them":          {extensions, true, 2},
		"one that has only other extensions": {[]string{"broadcast", "event-id"}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubbleWith(t, newStandIn(test.can...), httpsender.Config{Forgets: test.forgets}, func(t *testing.T, h *harness) {
				var last []string
				h.open(t, "a", "b")
				h.gw.with("a", func(s *stream) { s.report = func(name, _, _ string) { last = append(last, name) } })
				synctest.Wait()
				h.handOver(t, note(1))
				h.Drain()
				h.Drain()
				if err := h.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				h.gw.mu.Lock()
				defer h.gw.mu.Unlock()
				if len(h.gw.streams) != test.want || len(last) != 1 {
					t.Errorf("%d streams are open, want %d; one got %q, want the event only", len(h.gw.streams), test.want, last)
				}
			})
		})
	}
}

func TestCallsReturnThoughTheGatewayHangs(t *testing.T) { // E10
	bubble(t, httpsender.Config{Parallel: 1}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.stick("a")
		h.stick("b")
		began := time.Now()
		h.handOver(t, note(1), note(2), note(3))
		if took := time.Since(began); took != 0 {
			t.Errorf("the calls took %s", took)
		}
	})
}

func TestFlushWaitsForWhatWasHandedOverBeforeDrain(t *testing.T) { // T15
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.gw.delay = func() time.Duration { return time.Second }
		h.open(t, "a")
		h.handOver(t, note(1), note(2))
		h.Drain()
		h.Drain()
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.wantGot(t, "a", "note 1", "note 2")
		if err := h.Flush(t.Context()); err != nil {
			t.Errorf("flush of nothing: %v", err)
		}
	})
}

func TestFlushDoesNotWaitForAGatewayThatIsAwayWithoutConnections(t *testing.T) { // T15, E3
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.network.setDown(true)
		h.handOver(t, note(1))
		pass(10 * time.Second)
		h.Drain()
		began := time.Now()
		if err := h.Flush(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("flush returned %v after %s", err, time.Since(began))
		}
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.stick("a")
		h.handOver(t, note(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestNothingWaitsForAGatewayAfterTheEnd(t *testing.T) { // T15
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.network.setDown(true)
		h.handOver(t, note(1))
		pass(2 * httpsender.AskInterval)
		outbox := httpsender.NewCollector(h.Sender)
		if got := value(t, outbox, "heliograph_gateway_outbox_events"); got != 1 {
			t.Errorf("%v events wait, want one", got)
		}
		h.stop()
		if got := value(t, outbox, "heliograph_gateway_outbox_events"); got != 0 {
			t.Errorf("%v events wait after the end", got)
		}
	})
}

func TestWhatIsLeftAtTheEndIsCountedAndLoggedOnce(t *testing.T) { // T15, M1
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.stick("a")
		h.stick("b")
		h.handOver(t, note(1))
		synctest.Wait()
		h.handOver(t, note(2), note(3))
		h.stop()
		if _, failed, _ := h.metrics.get(event.ServiceTask); failed != 6 {
			t.Errorf("%d events failed, want the 2 under way and the 4 that waited", failed)
		}
		if got := h.logs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "events=4") {
			t.Errorf("logged %q, want one line of 4 events", got)
		}
		if got := h.Lanes(); got != 0 {
			t.Errorf("%d lanes are left", got)
		}
	})
}
