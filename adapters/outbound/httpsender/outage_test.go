package httpsender_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// kinds are the gateways that make a difference.
var kinds = map[string][]string{"without extensions": nil, "with all extensions": extensions}

// onEach calls f with a harness of each kind of gateway.
func onEach(t *testing.T, cfg httpsender.Config, f func(t *testing.T, h *harness)) {
	for name, can := range kinds {
		t.Run(name, func(t *testing.T) { bubbleWith(t, newStandIn(can...), cfg, f) })
	}
}

func TestWhatIsHandedOverWhileTheGatewayIsAwayLeavesInOrderWhenItIsBack(t *testing.T) { // E6, E10
	onEach(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		synctest.Wait()
		h.network.setDown(true)
		h.handOver(t, note(1), state(1), note(2), state(2))
		h.send(t, "a", snapshot(3))
		h.handOver(t, state(3), note(4))
		pass(time.Minute)
		h.network.setDown(false)
		pass(httpsender.LookInterval)
		h.wantGot(t, "a", "note 1", "note 2", "snapshot 3", "state 3", "note 4")
		h.wantGot(t, "b", "note 1", "note 2", "state 3", "note 4")
		if _, failed, _ := h.metrics.get(event.ServiceTask); failed == 0 || len(h.listener.failed) < 2 {
			t.Errorf("%d events were counted as late, the listener heard %v; want both streams named", failed, h.listener.failed)
		}
		h.wantLanes(t, 0)
		h.stop()
		if got := h.logs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "gateway is not reachable") {
			t.Errorf("logged %q, want one line that the gateway was away", got)
		}
	})
}

func TestOverflowOfTheOutboxIsCountedAndEveryStreamGetsTheState(t *testing.T) { // E6, G3
	onEach(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		synctest.Wait()
		h.network.setDown(true)
		h.broadcast(t, note(-1)) // opens the circuit
		h.handOver(t, state(0))
		room, reset := httpsender.MaxEvents, []string(nil)
		if len(h.gw.can) > 0 {
			room, reset = httpsender.MaxTrunkEvents, []string{`stream_reset {"reason":"expired"}`}
		}
		for i := range room + 9 {
			h.handOver(t, note(i))
		}
		givenUp := 2 * 10
		if len(reset) > 0 {
			givenUp = 2 * 11 // note -1 waits there too
		}
		if _, failed, _ := h.metrics.get(event.ServiceTask); failed < givenUp {
			t.Errorf("%d events were counted, want at least the %d that were given up", failed, givenUp)
		}
		h.network.setDown(false)
		pass(2 * httpsender.LookInterval)
		want := slices.Concat(reset, []string{"snapshot 1", "state 0", "note 10"})
		got := slices.DeleteFunc(h.gw.got("a"), func(ev string) bool { return ev == "note -1" }) // not lost, and before or after
		if !slices.Equal(got[:len(want)], want) {
			t.Errorf("the stream began with %q, want %q", got[:len(want)], want)
		}
		last := fmt.Sprint("note ", room+8)
		if got[len(got)-1] != last {
			t.Errorf("the stream ended with %q, want %q", got[len(got)-1], last)
		}
	})
}

func TestStreamWhoseOwnEventsOverflowIsToldAndGetsTheState(t *testing.T) { // E6
	onEach(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		synctest.Wait()
		h.network.setDown(true)
		pass(2 * httpsender.AskInterval)
		for i := range httpsender.MaxTrunkEvents + 1 {
			h.send(t, "a", note(i))
		}
		pass(2 * httpsender.LossWindow) // so many waits are not reported one by one
		h.network.setDown(false)
		pass(2 * httpsender.LookInterval)
		if got := h.gw.got("a"); len(got) == 0 || got[0] != "snapshot 1" {
			t.Errorf("%d events arrived, want the state first", len(got))
		}
		h.wantGot(t, "b")
		if !slices.ContainsFunc(h.listener.failed, func(err error) bool { return errors.Is(err, gateway.ErrOverflow) }) {
			t.Errorf("the listener heard %v, want an overflow", h.listener.failed)
		}
	})
}

func TestGatewayThatLeavesAPushUnansweredIsAskedAtOnce(t *testing.T) { // E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.gw.announce("event-id") // it is ready, and asked seldom
		pass(2 * httpsender.AskInterval)
		h.gw.mu.Lock()
		h.gw.special = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				panic(http.ErrAbortHandler)
			}
			return false
		}
		h.gw.mu.Unlock()
		pass(2 * httpsender.LookInterval)
		before := h.gw.requests()
		h.send(t, "a", note(1))
		synctest.Wait()
		if got := h.gw.requests() - before; got != 2 {
			t.Errorf("%d requests, want the push and a question", got)
		}
	})
}

func TestEachOutageNamesItsStreamsOnce(t *testing.T) { // E6
	onEach(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		for outage := 1; outage <= 2; outage++ {
			pass(2 * httpsender.LossWindow)
			h.network.setDown(true)
			pass(2 * httpsender.AskInterval)
			for i := range 3 {
				h.handOver(t, note(i))
				pass(2 * httpsender.LookInterval)
			}
			if got, want := len(h.listener.failed), 2*outage; got != want {
				t.Errorf("after %d outages the listener heard of %d losses, want %d", outage, got, want)
			}
			h.network.setDown(false)
			pass(2 * httpsender.LookInterval)
		}
	})
}

func TestHangingGatewayIsLeftAloneUntilItAnswers(t *testing.T) { // E6
	onEach(t, httpsender.Config{Parallel: 1}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		synctest.Wait()
		hang := make(chan struct{})
		h.gw.setHang(hang)
		circuit := httpsender.NewCollector(h.Sender)
		for i := range 10 {
			h.handOver(t, note(i))
		}
		pass(30 * time.Second)
		if got := value(t, circuit, "heliograph_gateway_circuit_open"); got != 1 {
			t.Error("the circuit is not open")
		}
		before := h.gw.requests()
		pass(time.Minute)
		if got := h.gw.requests() - before; got > 60 {
			t.Errorf("%d requests in a minute, want at most one a second", got)
		}
		h.gw.setHang(nil)
		close(hang)
		pass(3 * httpsender.LookInterval)
		if got := h.gw.got("a"); !slices.Contains(got, "note 9") {
			t.Errorf("the stream got %q, want what waited", got)
		}
		if got := value(t, circuit, "heliograph_gateway_circuit_open"); got != 0 {
			t.Error("the circuit is still open")
		}
	})
}

func TestGatewayThatCallsIsLookedForAtOnce(t *testing.T) {
	onEach(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		synctest.Wait()
		h.network.setDown(true)
		h.handOver(t, note(1))
		pass(10*httpsender.LookInterval + time.Millisecond)
		h.network.setDown(false)
		h.Heard()
		synctest.Wait()
		h.wantGot(t, "a", "note 1")
	})
}

func TestWrongSecretIsAClearErrorAndLosesNothing(t *testing.T) {
	gw := newStandIn(extensions...)
	gw.secret = "other"
	bubbleWith(t, gw, httpsender.Config{Secret: "s3cret"}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.handOver(t, note(1))
		pass(time.Minute)
		h.gw.mu.Lock()
		h.gw.secret = "s3cret"
		h.gw.mu.Unlock()
		pass(httpsender.LookInterval)
		h.wantGot(t, "a", "note 1")
		h.stop()
		if got := h.logs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=ERROR") ||
			!strings.Contains(got, "SSE_GATEWAY_SECRET") || strings.Contains(got, "s3cret") {
			t.Errorf("logged %q, want one error that names the variable", got)
		}
	})
}

func TestSecretIsRefusedInTheMiddle(t *testing.T) {
	onEach(t, httpsender.Config{Secret: "old"}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.gw.mu.Lock()
		h.gw.secret = "new"
		h.gw.mu.Unlock()
		h.handOver(t, note(1))
		synctest.Wait()
		h.gw.mu.Lock()
		h.gw.secret = "old"
		h.gw.mu.Unlock()
		pass(2 * httpsender.LookInterval)
		h.wantGot(t, "a", "note 1")
	})
}

// value returns what c says now.
func value(t *testing.T, c prometheus.Collector, name string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

func TestEventThatHasToWaitForTheGatewayFailsOnceForEachConnection(t *testing.T) { // E6, M1
	onEach(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.network.setDown(true)
		h.open(t, "a", "b")
		pass(time.Minute) // until it is known
		h.broadcast(t, note(1), note(2))
		h.send(t, "a", snapshot(3))
		pass(2 * httpsender.LookInterval)
		if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 0 || failed != 5 {
			t.Errorf("while it is away %d succeeded, %d failed; want none and 5", ok, failed)
		}
		if got := len(h.listener.failed); got != 3 { // both for the broadcasts, one for its own
			t.Errorf("%d times a connection was named, want 3", got)
		}
		h.network.setDown(false)
		pass(2 * httpsender.LookInterval)
		h.wantGot(t, "a", "note 1", "note 2", "snapshot 3")
		if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 0 || failed != 5 {
			t.Errorf("when it is back %d succeeded, %d failed; want no other count", ok, failed)
		}
	})
}
