package httpsender_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

func TestNewestStateWinsWhileAStreamIsStuck(t *testing.T) { // E10
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		release := h.stick("a")
		h.broadcast(t, note(0)) // is under way
		for i := range 10_000 {
			h.handOver(t, state(i))
		}
		h.handOver(t, note(1))
		release()
		synctest.Wait()
		h.wantGot(t, "a", "note 0", "state 9999", "note 1")
	})
}

func TestWhatWaitsIsBounded(t *testing.T) { // E10
	big := bytes.Repeat([]byte("1"), 60<<10)
	tests := map[string]struct {
		ev   event.Event
		room int // events that may wait
	}{
		"by number": {note(1), httpsender.MaxEvents},
		"by size": {
			event.Event{Service: event.ServiceTask, Name: "note", Data: big}, httpsender.MaxBytes / (60<<10 + 60),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
				h.open(t, "a")
				release := h.stick("a")
				h.broadcast(t, test.ev, state(7)) // one under way, and a state that waits
				for range test.room + 10 {
					h.handOver(t, test.ev)
				}
				_, failed, _ := h.metrics.get(event.ServiceTask)
				if wait := test.room + 10 - failed; wait > test.room || wait < test.room-1 { // the state takes room too
					t.Errorf("%d events wait, want %d at most", wait, test.room)
				}
				release()
				synctest.Wait()
				if len(h.listener.failed) != 1 || !errors.Is(h.listener.failed[0], gateway.ErrOverflow) || h.listener.recovered != 1 {
					t.Errorf("listener heard %v and %d recoveries, want one ErrOverflow and one recovery",
						h.listener.failed, h.listener.recovered)
				}
				if _, failed, _ := h.metrics.get(event.ServiceVersion); failed != 0 {
					t.Error("the newest state was given up before events that count")
				}
			})
		})
	}
}

func TestRecoveryThatIsTooLargeEnds(t *testing.T) { // E6, E10
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.listener.recover = func(token connection.Token) {
			for i := range httpsender.MaxEvents + 10 {
				h.send(t, token, snapshot(i))
			}
		}
		h.answer("a", 500)
		h.broadcast(t, note(1))
		h.answer("a", 0)
		h.broadcast(t, note(2))
		h.wantLanes(t, 0)
		if got := h.gw.got("a"); len(got) != httpsender.MaxEvents+1 || got[len(got)-1] != "note 2" {
			t.Errorf("got %d events, want a snapshot of %d and note 2", len(got), httpsender.MaxEvents)
		}
	})
}

func TestPushesInParallelAreBounded(t *testing.T) {
	bubble(t, httpsender.Config{Parallel: 8}, func(t *testing.T, h *harness) {
		h.gw.delay = func() time.Duration { return time.Millisecond }
		for i := range 100 {
			h.open(t, fmt.Sprint(i))
		}
		began := time.Now()
		h.handOver(t, note(1))
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); h.gw.most != 8 || took != 13*time.Millisecond {
			t.Errorf("%d pushes at a time and %s in all, want 8 and 100/8 ms", h.gw.most, took)
		}
	})
}

func TestStreamsTakeTurns(t *testing.T) {
	bubble(t, httpsender.Config{Parallel: 1}, func(t *testing.T, h *harness) {
		h.open(t, "first", "a", "b")
		var order []string
		for _, token := range []string{"a", "b"} {
			h.gw.with(token, func(s *stream) { s.report = func(_, data, _ string) { order = append(order, token+data) } })
		}
		release := h.stick("first")
		h.send(t, "first", note(0))
		synctest.Wait()
		for i := range 3 {
			h.send(t, "a", note(i))
		}
		h.send(t, "b", note(0))
		release()
		synctest.Wait()
		if got := strings.Join(order, " "); got != "a0 b0 a1 a2" {
			t.Errorf("pushes in the order %s, want a0 b0 a1 a2", got)
		}
	})
}

// One gateway, many streams with delays of their own, and every kind of event:
// each stream gets what is for it, in the order in which it was handed over, and
// misses at most states that a newer one follows.
func TestOrderHoldsUnderLoad(t *testing.T) { // E7, E10
	const streams, rounds = 40, 60
	bubble(t, httpsender.Config{Parallel: 8}, func(t *testing.T, h *harness) {
		h.gw.delay = func() time.Duration { return rand.N(20 * time.Millisecond) }
		want := make(map[string][]string)
		for i := range streams {
			h.open(t, fmt.Sprint(i))
		}
		for i := range rounds {
			one, ev := fmt.Sprint(rand.N(streams)), note(i)
			if i%3 == 0 {
				ev = state(i)
			}
			h.handOver(t, ev)
			h.send(t, connection.Token(one), snapshot(i))
			for s := range streams {
				token := fmt.Sprint(s)
				want[token] = append(want[token], fmt.Sprintf("%s %s", ev.Name, ev.Data))
				if token == one {
					want[token] = append(want[token], fmt.Sprintf("snapshot %d", i))
				}
			}
			pass(rand.N(15 * time.Millisecond))
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for token, all := range want {
			checkConflated(t, token, all, h.gw.got(token))
		}
	})
}

// checkConflated checks that got is all, but for states that a newer one follows.
func checkConflated(t *testing.T, token string, all, got []string) {
	t.Helper()
	for i, ev := range all {
		if len(got) > 0 && got[0] == ev {
			got = got[1:]
			continue
		}
		newer := strings.Contains(strings.Join(all[i+1:], "\n"), "state ")
		if !strings.HasPrefix(ev, "state ") || !newer {
			t.Errorf("stream %s missed %s", token, ev)
			return
		}
	}
	if len(got) > 0 {
		t.Errorf("stream %s also got %q", token, got)
	}
}
