package httpsender_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

func TestLogEventIsOneRequestForAll(t *testing.T) { // M1, M2
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b", "c")
		h.handOver(t, note(1), note(2))
		synctest.Wait()
		h.wantGot(t, "b", "note 1", "note 2")
		if h.gw.broadcasts != 2 || h.gw.pushes != 0 {
			t.Errorf("%d broadcasts and %d pushes, want 2 and none", h.gw.broadcasts, h.gw.pushes)
		}
		if ok, failed, requests := h.metrics.get(event.ServiceTask); ok != 6 || failed != 0 || requests != 2 {
			t.Errorf("%d succeeded, %d failed, %d requests; want 6, 0, 2", ok, failed, requests)
		}
	})
}

func TestPrivateEventsKeepTheirPlaceBetweenBroadcasts(t *testing.T) { // E7, G2, V1
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{Parallel: 4}, func(t *testing.T, h *harness) {
		h.gw.delay = func() time.Duration { return time.Second }
		h.open(t, "a", "b")
		h.handOver(t, note(1))
		h.send(t, "a", snapshot(2))
		h.send(t, "a", snapshot(3))
		h.send(t, "b", snapshot(2))
		h.handOver(t, note(4))
		h.send(t, "b", snapshot(5))
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.wantGot(t, "a", "note 1", "snapshot 2", "snapshot 3", "note 4")
		h.wantGot(t, "b", "note 1", "snapshot 2", "note 4", "snapshot 5")
		h.wantIDs(t, "b", "test-101", "test-101", "test-102", "test-102")
		h.wantLanes(t, 0)
	})
}

func TestStreamThatRecoversHoldsUpNoBroadcast(t *testing.T) { // C7, E6
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{Parallel: 2}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b", "c", "d")
		release := make(chan struct{})
		h.listener.recover = func(token connection.Token) {
			<-release // a slow observer
			h.send(t, token, snapshot(9))
		}
		lost := []string{"a", "b", "c"} // more than there are workers
		for _, token := range lost {
			h.answer(token, http.StatusInternalServerError)
			h.send(t, connection.Token(token), snapshot(1))
		}
		synctest.Wait()
		for _, token := range lost {
			h.answer(token, 0)
			h.send(t, connection.Token(token), snapshot(2))
		}
		h.broadcast(t, note(1))
		h.wantGot(t, "d", "note 1")
		close(release)
		synctest.Wait()
		h.wantGot(t, "c", "note 1", "snapshot 9", "snapshot 2")
		h.wantIDs(t, "c", "test-101", "test-101", "test-101")
		h.wantLanes(t, 0)
	})
}

func TestBroadcastWithoutAnswerIsRepeatedUntilItIsTaken(t *testing.T) { // E6, E7, G6
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.gw.mute = 1000
		h.handOver(t, note(1), note(2))
		pass(3 * httpsender.LookInterval)
		h.gw.with("a", func(*stream) { h.gw.mute = 0 })
		pass(3 * httpsender.LookInterval)
		h.wantGot(t, "a", "note 1", "note 2")
		// One count per event and connection: that it was late (M1).
		if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 0 || failed != 2 {
			t.Errorf("%d succeeded, %d failed; want none and 2", ok, failed)
		}
	})
}

func TestBroadcastThatCannotBeRepeatedIsALossForAll(t *testing.T) { // E6
	bubbleWith(t, newStandIn("broadcast"), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.gw.mute = 1
		h.handOver(t, note(1), note(2))
		pass(3 * httpsender.LookInterval)
		h.wantGot(t, "a", "note 1", "snapshot 1", "note 2")
		if _, failed, _ := h.metrics.get(event.ServiceTask); failed != 2 {
			t.Errorf("%d failed, want one for each connection", failed)
		}
	})
}

func TestGatewayIsExchangedWhileTheServiceRuns(t *testing.T) { // E7
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.broadcast(t, note(1))
		h.gw.announce() // nothing
		h.handOver(t, note(2), note(3))
		synctest.Wait()
		h.wantGot(t, "a", "note 1", "note 2", "note 3")
		pass(httpsender.AskInterval)
		h.broadcast(t, note(4))
		if h.gw.broadcasts != 1 || h.gw.pushes != 6 {
			t.Errorf("%d broadcasts and %d pushes, want 1 and 6", h.gw.broadcasts, h.gw.pushes)
		}
		h.gw.announce(extensions...)
		pass(httpsender.AskInterval)
		h.broadcast(t, note(5))
		h.wantGot(t, "b", "note 1", "note 2", "note 3", "note 4", "note 5")
		if h.gw.broadcasts != 2 {
			t.Errorf("%d broadcasts, want one more since they are back", h.gw.broadcasts)
		}
		if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 10 || failed != 0 {
			t.Errorf("%d succeeded, %d failed; want 10 and none", ok, failed)
		}
	})
}

func TestGatewayThatWasNotReadyIsAskedAgainSoon(t *testing.T) { // E6
	bubbleWith(t, newStandIn(), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		synctest.Wait() // it was asked
		h.gw.announce(extensions...)
		pass(httpsender.LookInterval)
		h.broadcast(t, note(1))
		if h.gw.broadcasts != 1 {
			t.Errorf("%d broadcasts, want one", h.gw.broadcasts)
		}
	})
}

func TestGatewayThatIsReadyIsAskedSeldom(t *testing.T) { // E6
	bubbleWith(t, newStandIn("broadcast"), httpsender.Config{}, func(t *testing.T, h *harness) {
		pass(httpsender.AskInterval - httpsender.LookInterval)
		if got := h.gw.requests(); got != 1 {
			t.Errorf("%d requests, want the first only", got)
		}
		pass(httpsender.LookInterval)
		if got := h.gw.requests(); got != 2 {
			t.Errorf("%d requests, want a second one", got)
		}
	})
}

func TestProgressIsConflatedWhileABroadcastHangs(t *testing.T) { // E10
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		synctest.Wait()
		hang := make(chan struct{})
		h.gw.setHang(hang)
		h.broadcast(t, note(0))
		for i := range 1000 {
			h.handOver(t, state(i))
		}
		h.handOver(t, note(1))
		h.gw.setHang(nil)
		close(hang)
		synctest.Wait()
		h.wantGot(t, "a", "note 0", "state 999", "note 1")
	})
}

// Whatever the gateway does, a stream gets every log event once and in order.
func TestOrderHoldsThroughHiccups(t *testing.T) { // E7
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		var want []string
		for i := range 200 {
			switch i % 20 {
			case 3:
				h.gw.mu.Lock()
				h.gw.mute = 1
				h.gw.mu.Unlock()
			case 7:
				h.network.setDown(true)
			case 12:
				h.network.setDown(false)
			}
			h.handOver(t, note(i))
			want = append(want, fmt.Sprint("note ", i))
			pass(300 * time.Millisecond)
		}
		pass(time.Minute)
		if diff := cmp.Diff(want, h.gw.got("a")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
