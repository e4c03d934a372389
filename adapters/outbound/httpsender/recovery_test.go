package httpsender_test

import (
	"bytes"
	"net/http"
	"testing"
	"testing/synctest"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

func TestStreamThatLostAnEventFirstGetsTheStateAsItIsNow(t *testing.T) { // E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.listener.recover = func(token connection.Token) {
			h.handOver(t, note(5)) // happens while the state is put together
			h.send(t, token, snapshot(1))
			h.send(t, token, snapshot(2))
		}
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		h.answer("a", 0)
		release := h.stick("b") // shows that b's recovery is its own business
		h.broadcast(t, note(2))
		h.wantGot(t, "a", "snapshot 1", "snapshot 2", "note 2", "note 5")
		release()
		synctest.Wait()
		h.wantGot(t, "b", "note 1", "note 2", "note 5")
		if h.listener.recovered != 1 {
			t.Errorf("%d recoveries, want 1", h.listener.recovered)
		}
		h.wantLanes(t, 0)
	})
}

func TestStateThatWaitsForARecoveryIsSentAfterIt(t *testing.T) { // E6, V2
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		h.answer("a", 0)
		h.broadcast(t, state(2)) // an announced version, which is in no snapshot
		h.wantGot(t, "a", "snapshot 1", "state 2")
	})
}

func TestStateThatChangesDuringARecoveryIsConflated(t *testing.T) { // E6, E10
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) {
			h.handOver(t, state(9))
			h.send(t, token, snapshot(1))
		}
		release := h.stick("a")
		h.handOver(t, note(1))
		synctest.Wait()
		h.handOver(t, note(2), state(3), note(4))
		h.answer("a", http.StatusInternalServerError)
		release()
		synctest.Wait() // note 1 failed, and the snapshot that came instead took note 2 with it
		h.answer("a", 0)
		h.broadcast(t, note(6))
		h.wantGot(t, "a", "snapshot 1", "note 6", "state 9")
	})
}

// A stream that cannot be reached must cost each event one attempt, not an endless
// series of recoveries.
func TestFailingRecoveryEndsAndIsCounted(t *testing.T) { // E6, M1
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) { h.send(t, token, state(0)) }
		h.answer("a", http.StatusInternalServerError)
		h.handOver(t, note(1), note(2), note(3))
		synctest.Wait()
		if _, failed, _ := h.metrics.get(event.ServiceTask); failed != 3 || len(h.listener.failed) != 3 {
			t.Errorf("%d events failed and the listener heard of %d, want 3 each", failed, len(h.listener.failed))
		}
		if _, failed, _ := h.metrics.get(event.ServiceVersion); failed != 2 || h.listener.recovered != 2 {
			t.Errorf("%d of %d recoveries failed, want 2 of 2", failed, h.listener.recovered)
		}
	})
}

func TestLostEventIsMadeGoodThoughNothingFollows(t *testing.T) { // E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		pass(httpsender.SweepInterval)
		if len(h.listener.failed) != 1 {
			t.Errorf("the listener heard %v, want only the loss of note 1", h.listener.failed)
		}
		h.answer("a", 0)
		pass(httpsender.SweepInterval)
		h.wantGot(t, "a", "snapshot 1")
		h.wantLanes(t, 0)
	})
}

func TestRestOfARecoveryThatFailedIsNotSent(t *testing.T) { // E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		n := 0
		h.listener.recover = func(token connection.Token) {
			n++
			h.send(t, token, snapshot(10*n))
			h.send(t, token, snapshot(10*n+1))
		}
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		h.gw.mu.Lock()
		failed := false
		h.gw.special = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || failed {
				return false
			}
			failed = true
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		h.gw.mu.Unlock()
		h.answer("a", 0)
		pass(2 * httpsender.SweepInterval)
		h.wantGot(t, "a", "snapshot 20", "snapshot 21")
	})
}

func TestStreamThatFailsIsTriedAgainAtIntervals(t *testing.T) { // E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		const intervals = 4
		pass(intervals * httpsender.SweepInterval)
		if h.listener.recovered != intervals {
			t.Errorf("the stream was tried again %d times, want once in each of %d intervals", h.listener.recovered, intervals)
		}
	})
}

func TestLaneOfAConnectionThatLeftIsForgotten(t *testing.T) {
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.answer("a", http.StatusInternalServerError)
		h.answer("b", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		h.wantLanes(t, 2)
		if _, err := h.registry.Remove(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		pass(httpsender.SweepInterval)
		h.wantLanes(t, 1)
	})
}

func TestStreamThatClosesNeedsNoRecovery(t *testing.T) {
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		h.answer("a", 0)
		if err := h.Close(t.Context(), "a", replaced()); err != nil {
			t.Fatal(err)
		}
		h.wantLanes(t, 0)
		if h.listener.recovered != 0 {
			t.Error("a stream that closes was recovered")
		}
	})
}

func TestFailingRecoveryLeavesTheCloseItsAttempt(t *testing.T) { // C3, E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) {
			h.send(t, token, snapshot(1))
			h.send(t, token, snapshot(2)) // is not tried when the first has failed
			if err := h.Close(t.Context(), token, replaced()); err != nil {
				t.Error(err)
			}
		}
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1), note(2))
		if h.gw.pushes != 6 {
			t.Errorf("%d pushes, want those of note 1, snapshot, note 2 and three of the close", h.gw.pushes)
		}
		h.wantLanes(t, 0)
	})
}

func TestTokenThatIsGoneDuringRecoveryIsGone(t *testing.T) { // E5, E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		h.answer("a", http.StatusNotFound)
		h.broadcast(t, note(2))
		if len(h.listener.gone) != 1 || len(h.listener.failed) != 1 {
			t.Errorf("gone %v, failed %v; want one each", h.listener.gone, h.listener.failed)
		}
		h.wantLanes(t, 0)
	})
}

func TestStreamsThatMayHaveMissedEventsBeforeTheStartAreToldSo(t *testing.T) { // C8, E6, G3
	synctest.Test(t, func(t *testing.T) {
		h := &harness{
			gw: newStandIn("event-id", "connections"), network: newNetwork(), registry: memregistry.New(), history: newHistory(), metrics: newMetrics(), logs: new(bytes.Buffer),
		}
		h.listener = newListener(h.registry)
		h.open(t, "a") // in an earlier life
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.start(t, httpsender.Config{URL: "http://gateway", Dial: h.network.dial, Start: start, Gap: true})
		h.handOver(t, note(1))
		synctest.Wait()
		h.wantGot(t, "a", `stream_reset {"reason":"expired"}`, "snapshot 1", "note 1")
		if id, ok := h.Place(); !ok || id.Seq != start.Seq+1 {
			t.Errorf("the streams have all up to %v (%v)", id, ok)
		}
	})
}

// A gateway that had taken the reset, and whose answer was lost, tells by the ID
// that it has had it. One that had not gives it to the client now.
func TestResetWithoutAnswerIsRepeatedAsItWas(t *testing.T) { // G3, E6
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.broadcast(t, note(1))
		h.answer("a", http.StatusInternalServerError)
		h.send(t, "a", reset())
		synctest.Wait()
		h.broadcast(t, note(2))
		h.answer("a", 0)
		pass(httpsender.SweepInterval)
		h.wantGot(t, "a", "note 1", "note 2", `stream_reset {"reason":"epoch"}`)
		h.wantIDs(t, "a", "test-101", "test-102", "test-101")
		h.wantLanes(t, 0)
	})
}

func TestThePlaceCountsOnlyWhileNoStreamLacksAnything(t *testing.T) { // C8
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a", "b")
		h.answer("a", http.StatusInternalServerError)
		h.broadcast(t, note(1))
		if id, ok := h.Place(); ok {
			t.Errorf("a has lost an event, and the place is %v", id)
		}
	})
}
