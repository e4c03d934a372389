package httpsender_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// forSubject is an event that counts, for the streams of a subject.
func forSubject(subject string, n int) event.Event {
	ev := note(n)
	ev.Audience = &access.Audience{Subjects: []string{subject}}
	return ev
}

// connectionOf is the connection of a token "<subject>-<n>", whose request_id is that.
func connectionOf(token string) connection.Connection {
	subject, _, _ := strings.Cut(token, "-")
	p := &access.Principal{Subject: subject}
	switch subject {
	case "admin":
		p.Scopes = access.ScopesOf(access.Admin)
	case "task":
		p.Subject, p.TaskID = access.TaskSubject+"7", "7"
	}
	return connection.Connection{RequestID: connection.RequestID(token), Token: connection.Token(token), Principal: p}
}

// openAs opens the streams of subjects and registers them.
func (h *harness) openAs(t *testing.T, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		h.gw.open(token, &stream{})
		h.registerAs(t, token)
	}
}

func (h *harness) registerAs(t *testing.T, token string) {
	t.Helper()
	if _, err := h.registry.Put(t.Context(), connectionOf(token)); err != nil {
		t.Fatal(err)
	}
}

// every is each combination of extensions that makes a difference.
var every = [][]string{nil, {"broadcast"}, {"event-id"}, {"broadcast", "event-id"}, extensions}

// onEvery calls f with a harness of each of these gateways.
func onEvery(t *testing.T, f func(t *testing.T, h *harness)) {
	for _, can := range every {
		t.Run(strings.Join(can, " "), func(t *testing.T) { bubbleWith(t, newStandIn(can...), httpsender.Config{}, f) })
	}
}

func TestEventReachesItsAudienceInOrderWithAllOthers(t *testing.T) { // A12, E7, M1
	onEvery(t, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1", "ann-2", "bob-1", "admin-1")
		h.handOver(t, note(1), forSubject("ann", 2), forSubject("bob", 3))
		h.send(t, "ann-1", snapshot(4))
		h.handOver(t, forSubject("ann", 5), note(6), forSubject("nobody", 7))
		h.send(t, "bob-1", snapshot(8))
		byID := note(9)
		byID.Audience = &access.Audience{RequestIDs: []string{"ann-2"}}
		h.handOver(t, byID)
		synctest.Wait()
		h.wantGot(t, "ann-1", "note 1", "note 2", "snapshot 4", "note 5", "note 6")
		h.wantGot(t, "ann-2", "note 1", "note 2", "note 5", "note 6", "note 9")
		h.wantGot(t, "bob-1", "note 1", "note 3", "note 6", "snapshot 8")
		h.wantGot(t, "admin-1", "note 1", "note 2", "note 3", "note 5", "note 6", "note 7", "note 9")
		if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 21 || failed != 0 {
			t.Errorf("%d succeeded, %d failed; want 21 and none", ok, failed)
		}
		h.wantLanes(t, 0)
	})
}

func TestEventForSomeIsOneRequestThatNamesThem(t *testing.T) { // A12, M2
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1", "ann-2", "bob-1")
		h.broadcast(t, note(1), forSubject("ann", 2), forSubject("nobody", 3))
		for _, tokens := range h.gw.named {
			slices.Sort(tokens)
		}
		if want := [][]string{nil, {"ann-1", "ann-2"}}; !slices.EqualFunc(h.gw.named, want, slices.Equal) {
			t.Errorf("the broadcasts named %q, want %q", h.gw.named, want)
		}
		if _, _, requests := h.metrics.get(event.ServiceTask); requests != 2 || h.gw.pushes != 0 {
			t.Errorf("%d requests were measured and %d events pushed, want 2 and none", requests, h.gw.pushes)
		}
		h.send(t, "bob-1", snapshot(4)) // what was for others has its place all the same
		synctest.Wait()
		h.wantIDs(t, "bob-1", "test-101", "test-103")
	})
}

// Another node of the service may be further on, or behind.
func TestAtASharedGatewayEachNodeSendsToItsOwnStreams(t *testing.T) { // A13, E7
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{Shared: true}, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1")
		h.gw.open("of another node", &stream{})
		h.broadcast(t, state(1), forSubject("nobody", 2), state(3), note(4))
		ping := event.Record{Event: event.Event{Name: "ping", Data: []byte("{}")}}
		if err := h.Broadcast(t.Context(), ping); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.wantGot(t, "of another node", "state 1", "ping {}")
		h.wantGot(t, "ann-1", "state 1", "state 3", "note 4", "ping {}")
		if ok, failed, _ := h.metrics.get(event.ServiceVersion); ok != 2+1 || failed != 0 {
			t.Errorf("%d succeeded, %d failed; want 3 and none", ok, failed)
		}
	})
}

func TestManyTokensAreDividedIntoSeveralRequests(t *testing.T) { // A12, E7, E8
	for _, can := range [][]string{extensions, {"broadcast"}} {
		bubbleWith(t, newStandIn(can...), httpsender.Config{}, func(t *testing.T, h *harness) {
			const streams = 30
			long := strings.Repeat("x", httpsender.MaxTokens/10)
			for i := range streams {
				h.openAs(t, fmt.Sprint("ann-", i, long))
			}
			h.gw.limit = 1 << 20
			h.openAs(t, "bob-1")
			h.handOver(t, forSubject("ann", 1), note(2), forSubject("ann", 3))
			synctest.Wait()
			for i := range streams {
				if got, want := h.gw.got(fmt.Sprint("ann-", i, long)), []string{"note 1", "note 2", "note 3"}; !slices.Equal(got, want) {
					t.Errorf("stream %d got %q, want %q", i, got, want)
				}
			}
			h.wantGot(t, "bob-1", "note 2")
			if want := 4 + 1 + 4; h.gw.broadcasts != want {
				t.Errorf("%d requests, want %d", h.gw.broadcasts, want)
			}
			if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 3*streams+1 || failed != 0 {
				t.Errorf("%d succeeded, %d failed; want %d and none", ok, failed, 3*streams+1)
			}
		})
	}
}

// Without IDs a gateway cannot tell that it has an event, so its other parts alone wait.
func TestPartsOfAnEventThatWereNotSentWaitForTheGateway(t *testing.T) { // A12, E6, E7
	bubbleWith(t, newStandIn("broadcast"), httpsender.Config{}, func(t *testing.T, h *harness) {
		long := strings.Repeat("x", httpsender.MaxTokens/2)
		tokens := []string{"ann-1" + long, "ann-2" + long, "ann-3" + long}
		h.openAs(t, tokens...)
		synctest.Wait()
		h.gw.mu.Lock()
		h.gw.special = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/broadcast") {
				w.Header().Set("Connection", "close")
				h.network.refuse(true)
			}
			return false
		}
		h.gw.mu.Unlock()
		h.broadcast(t, forSubject("ann", 1))
		if h.gw.broadcasts != 1 {
			t.Fatalf("%d requests, want the first part only", h.gw.broadcasts)
		}
		h.gw.mu.Lock()
		h.gw.special = nil
		h.gw.mu.Unlock()
		h.network.refuse(false)
		pass(3 * httpsender.LookInterval)
		for _, token := range tokens {
			h.wantGot(t, token, "note 1")
		}
	})
}

func TestWhatSeesOneTaskGetsOnlyThatAndVersions(t *testing.T) { // A12, V2
	onEvery(t, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1", "task-1")
		h.handOver(t, note(1), state(2), forSubject(access.TaskSubject+"7", 3), forSubject("ann", 4))
		synctest.Wait()
		h.wantGot(t, "task-1", "state 2", "note 3")
		h.wantGot(t, "ann-1", "note 1", "state 2", "note 4")
		for _, tokens := range h.gw.named {
			if tokens == nil {
				t.Error("a broadcast went to all streams, which one does not take that sees one task")
			}
		}
		if ok, _, _ := h.metrics.get(event.ServiceTask); ok != 3 {
			t.Errorf("%d events of tasks were counted, want 3", ok)
		}
	})
}

func TestClientGetsOfWhatItMissedWhatItMaySee(t *testing.T) { // A12, A13, G2
	resumable(t, func(t *testing.T, h *harness) {
		h.openAs(t, "bob-1")
		large := forSubject("bob", 0)
		large.Data = []byte(`"` + strings.Repeat("x", 60<<10) + `"`)
		h.broadcast(t, note(1), forSubject("ann", 2), large, large, large, forSubject("ann", 6), note(7), forSubject("bob", 8))
		h.gw.open("ann-1", &stream{})
		h.Resume(t.Context(), connectionOf("ann-1"), start.String())
		h.wantGot(t, "ann-1", "note 1", "note 2", "note 6", "note 7")
		h.wantIDs(t, "ann-1", "test-101", "test-102", "test-106", "test-107")
		if h.Incomplete("ann-1") {
			t.Error("what was for others counts as missed")
		}
	})
}

func TestStreamThatResumesGetsLiveWhatItMaySee(t *testing.T) { // A12, E7, G2
	resumable(t, func(t *testing.T, h *harness) {
		h.openAs(t, "bob-1")
		h.broadcast(t, note(1), forSubject("ann", 2))
		h.gw.delay = func() time.Duration { return time.Second }
		h.gw.open("ann-1", &stream{})
		resumed := make(chan struct{})
		go func() {
			defer close(resumed)
			h.Resume(t.Context(), connectionOf("ann-1"), start.String())
		}()
		pass(500 * time.Millisecond)
		h.handOver(t, forSubject("bob", 3), forSubject("ann", 4))
		<-resumed
		h.handOver(t, forSubject("ann", 5), forSubject("bob", 6))
		h.registerAs(t, "ann-1")
		h.handOver(t, forSubject("ann", 7), forSubject("bob", 8))
		pass(time.Minute)
		got := slices.Sorted(slices.Values(h.gw.got("ann-1"))) // a gateway puts pushes to a stream that is not open yet in front
		if want := []string{"note 1", "note 2", "note 4", "note 5", "note 7"}; !slices.Equal(got, want) {
			t.Errorf("the stream got %q, want %q", got, want)
		}
		h.wantGot(t, "bob-1", "note 1", "note 3", "note 6", "note 8")
		h.wantLanes(t, 0)
	})
}

// It is sent what it missed of the events that came meanwhile once the gateway has what is
// under way, or it would be in doubt whether that goes out before.
func TestStreamThatResumesWaitsForWhatIsUnderWay(t *testing.T) { // A12, E7, G2
	const timeout = 3 * time.Second
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{Timeout: timeout}, func(t *testing.T, h *harness) {
		h.openAs(t, "bob-1")
		h.broadcast(t, note(1))
		h.gw.delay = func() time.Duration { return time.Second }
		h.gw.open("ann-1", &stream{})
		began, resumed := time.Now(), make(chan struct{})
		go func() {
			defer close(resumed)
			h.Resume(t.Context(), connectionOf("ann-1"), start.String())
		}()
		pass(500 * time.Millisecond)
		h.handOver(t, forSubject("ann", 2))
		h.gw.mu.Lock()
		h.gw.stall, h.gw.delay = 1, nil
		h.gw.mu.Unlock()
		h.handOver(t, note(3))
		<-resumed
		took := time.Since(began)
		pass(time.Second) // the stalled request ends
		if took < timeout {
			t.Errorf("it was said to have all after %s, while an event was under way for %s", took, timeout)
		}
	})
}

func TestStreamThatResumedIsFedUntilItIsRegisteredOrNeverWillBe(t *testing.T) { // A12, G2
	resumable(t, func(t *testing.T, h *harness) {
		h.broadcast(t, note(0))
		h.gw.open("ann-1", &stream{})
		h.Resume(t.Context(), connectionOf("ann-1"), "test-101")
		pass(httpsender.SweepInterval) // its registry is slow
		h.broadcast(t, forSubject("bob", 1), forSubject("ann", 2))
		h.wantGot(t, "ann-1", "note 2")
		pass(2 * httpsender.SweepInterval) // it was refused
		h.broadcast(t, forSubject("ann", 3))
		h.wantGot(t, "ann-1", "note 2")
		h.wantLanes(t, 0)
	})
}

func TestEventForSomeWithoutAnswerIsRepeatedUntilItIsTaken(t *testing.T) { // A12, E6, E7
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1", "bob-1")
		h.gw.mute = 1000
		h.handOver(t, forSubject("ann", 1), note(2), forSubject("bob", 3))
		pass(3 * httpsender.LookInterval)
		h.gw.with("ann-1", func(*stream) { h.gw.mute = 0 })
		pass(3 * httpsender.LookInterval)
		h.wantGot(t, "ann-1", "note 1", "note 2")
		h.wantGot(t, "bob-1", "note 2", "note 3")
	})
}

// A gateway that was restarted has other streams than those that an event was taken for
// before that.
func TestEventThatWasNeverSentGoesToTheStreamsThatThereAreThen(t *testing.T) { // A12, A13, E6
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1", "bob-1")
		h.broadcast(t, note(1))
		h.network.setDown(true)
		h.broadcast(t, forSubject("ann", 2)) // not sent, and gone back
		h.handOver(t, note(3))
		h.gw.restart(extensions...)
		h.gw.open("ann-2", &stream{})
		resumed := make(chan struct{})
		go func() {
			defer close(resumed)
			h.Resume(t.Context(), connectionOf("ann-2"), "test-101")
		}()
		synctest.Wait()
		h.network.setDown(false)
		<-resumed
		h.registerAs(t, "ann-2")
		pass(3 * httpsender.LookInterval)
		got := slices.Sorted(slices.Values(h.gw.got("ann-2"))) // our gateway puts what is pushed before the stream is open in front
		if want := []string{"note 2", "note 3"}; !slices.Equal(got, want) {
			t.Errorf("the stream that came back got %q, want %q", got, want)
		}
	})
}

// The registry has forgotten whose a stream is that the gateway still holds.
func TestStreamThatEndsInsteadOfBeingAdoptedGetsNothingBefore(t *testing.T) { // A12, C8
	gw := newStandIn(extensions...)
	gw.secret = "not yet"
	gw.open("ann-1", &stream{url: "/s?request_id=ann-1"})
	bubbleWith(t, gw, httpsender.Config{}, func(t *testing.T, h *harness) {
		var got []string
		h.gw.with("ann-1", func(s *stream) { s.report = func(name, data, _ string) { got = append(got, name+" "+data) } })
		h.listener.adopt = func(token connection.Token) {
			if err := h.Close(t.Context(), token, replaced()); err != nil {
				t.Error(err)
			}
			if err := h.Send(t.Context(), token, snapshot(1)); !errors.Is(err, gateway.ErrUnknownToken) {
				t.Errorf("send after that: %v, want ErrUnknownToken", err)
			}
		}
		h.handOver(t, note(1), note(2))
		h.gw.mu.Lock()
		h.gw.secret = ""
		h.gw.mu.Unlock()
		pass(2 * httpsender.LookInterval)
		if want := []string{"replaced {}"}; !slices.Equal(got, want) {
			t.Errorf("the stream got %q, want %q", got, want)
		}
		h.wantLanes(t, 0)
	})
}

func TestGatewayLosesBroadcastsWhileAnEventForSomeIsUnderWay(t *testing.T) { // A12, E7
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1", "bob-1")
		h.broadcast(t, forSubject("ann", 1))
		h.gw.announce()
		h.handOver(t, forSubject("ann", 2), note(3), forSubject("bob", 4))
		synctest.Wait()
		h.wantGot(t, "ann-1", "note 1", "note 2", "note 3")
		h.wantGot(t, "bob-1", "note 3", "note 4")
	})
}

// A stream is told only if what was for it was lost.
func TestOnlyTheAudienceOfALostEventIsTold(t *testing.T) { // A13, A14, E6, G3
	t.Run("by an overflow", func(t *testing.T) {
		onEvery(t, func(t *testing.T, h *harness) {
			h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
			h.openAs(t, "ann-1", "bob-1")
			synctest.Wait()
			h.network.setDown(true)
			pass(2 * httpsender.AskInterval)
			h.handOver(t, forSubject("ann", -1))
			for i := range httpsender.MaxTrunkEvents {
				h.handOver(t, forSubject("bob", i))
			}
			h.network.setDown(false)
			pass(2 * httpsender.LookInterval)
			if got := h.gw.got("ann-1"); !slices.Contains(got, "snapshot 1") || slices.Contains(got, "note -1") {
				t.Errorf("the stream that lost its event got %q, want the state", got)
			}
			got := h.gw.got("bob-1")
			lostNone := len(got) == httpsender.MaxTrunkEvents
			if told := slices.Contains(got, "snapshot 1"); told == lostNone {
				t.Errorf("the other got %d events and was told: %t", len(got), told)
			}
			if slices.Contains(h.gw.can, "broadcast") && !lostNone {
				t.Error("the other lost some, too")
			}
		})
	})
	t.Run("by a refusal", func(t *testing.T) {
		bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
			h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
			h.openAs(t, "ann-1", "bob-1")
			synctest.Wait()
			h.gw.reply("/internal/broadcast", http.StatusInternalServerError, "{}")
			h.broadcast(t, forSubject("ann", 1))
			h.gw.reply("", 0, "")
			h.broadcast(t, note(2))
			h.wantGot(t, "ann-1", `stream_reset {"reason":"expired"}`, "snapshot 1", "note 2")
			h.wantGot(t, "bob-1", "note 2")
			if _, failed, _ := h.metrics.get(event.ServiceTask); failed != 1 {
				t.Errorf("%d failed, want one", failed)
			}
		})
	})
	t.Run("by a stream that takes nothing", func(t *testing.T) {
		bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
			h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
			h.openAs(t, "ann-1", "bob-1")
			h.gw.with("ann-1", func(s *stream) { s.full = true })
			h.broadcast(t, forSubject("ann", 1))
			h.gw.with("ann-1", func(s *stream) { s.full = false })
			h.broadcast(t, note(2))
			h.wantGot(t, "ann-1", `stream_reset {"reason":"expired"}`, "snapshot 1", "note 2")
			h.wantGot(t, "bob-1", "note 2")
		})
	})
}

func TestStreamThatTheGatewayDoesNotKnowIsGone(t *testing.T) { // A12, E5, M1
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.openAs(t, "ann-1", "ann-2", "bob-1")
		synctest.Wait()
		h.gw.forget("ann-1")
		h.broadcast(t, forSubject("ann", 1), note(2))
		if want := []connection.Token{"ann-1"}; !slices.Equal(h.listener.gone, want) {
			t.Errorf("gone %q, want %q", h.listener.gone, want)
		}
		h.wantGot(t, "ann-2", "note 1", "note 2")
		if ok, failed, _ := h.metrics.get(event.ServiceTask); ok != 1+2 || failed != 1 {
			t.Errorf("%d succeeded, %d failed; want 3 and one", ok, failed)
		}
		h.wantLanes(t, 0)
	})
}

// While the gateway is away, events for streams of other nodes take nobody's room. One
// that joins meanwhile may have missed some of them: its client asks again.
func TestEventsForNobodyTakeNoRoom(t *testing.T) { // A13, E10, G2
	resumable(t, func(t *testing.T, h *harness) {
		h.openAs(t, "bob-1")
		h.broadcast(t, note(0))
		h.network.setDown(true)
		pass(2 * httpsender.AskInterval)
		h.handOver(t, note(1))
		for i := range 2 * httpsender.MaxTrunkEvents {
			h.handOver(t, forSubject("ann", i))
		}
		h.gw.open("ann-1", &stream{})
		h.Resume(t.Context(), connectionOf("ann-1"), "test-101")
		if !h.Incomplete("ann-1") {
			t.Error("the stream is said to have all that it missed")
		}
		h.gw.open("ann-3", &stream{})
		resumed := make(chan struct{})
		go func() {
			defer close(resumed)
			h.Resume(t.Context(), connectionOf("ann-3"), event.ID{Epoch: start.Epoch, Seq: start.Seq + 2*uint64(httpsender.MaxTrunkEvents)}.String())
		}()
		synctest.Wait()
		h.network.setDown(false)
		<-resumed
		got := slices.DeleteFunc(h.gw.got("ann-3"), func(ev string) bool { return ev == "note 1" }) // which our gateway leaves out
		if want := []string{"note 8190", "note 8191"}; h.Incomplete("ann-3") || !slices.Equal(got, want) {
			t.Errorf("one that waited for the gateway got %q, want %q", got, want)
		}
		pass(2 * httpsender.LookInterval)
		h.wantGot(t, "bob-1", "note 0", "note 1")
		last := event.ID{Epoch: start.Epoch, Seq: start.Seq + 2 + 2*uint64(httpsender.MaxTrunkEvents)}
		if place, ok := h.Place(); !ok || place != last {
			t.Errorf("the streams have got all up to %s, %t; want %s", place, ok, last)
		}
		h.gw.open("ann-2", &stream{})
		h.Resume(t.Context(), connectionOf("ann-2"), event.ID{Epoch: start.Epoch, Seq: last.Seq - 1}.String())
		if h.Incomplete("ann-2") {
			t.Error("a stream that comes later is said to be incomplete")
		}
		h.wantGot(t, "ann-2", fmt.Sprint("note ", 2*httpsender.MaxTrunkEvents-1))
	})
}

// The broker's log has moved on, but not past anything that was for the stream.
func TestStreamIsToldThatEventsExpiredOnlyIfItsOwnDid(t *testing.T) { // A13, G3
	for _, can := range [][]string{{"event-id"}, extensions} {
		bubbleWith(t, newStandIn(can...), httpsender.Config{History: 20 << 10}, func(t *testing.T, h *harness) {
			h.openAs(t, "bob-1")
			h.broadcast(t, note(1), forSubject("ann", 2), note(3), forSubject("ann", 4))
			for i := range 200 {
				h.broadcast(t, forSubject("bob", i))
			}
			h.history.fail(event.ErrExpired)
			resume := func(token, id string) []string {
				h.gw.open(token, &stream{})
				h.Resume(t.Context(), connectionOf(token), id)
				return h.gw.got(token)
			}
			if got := resume("ann-1", "test-104"); len(got) > 0 {
				t.Errorf("a stream that has all of its own got %q", got)
			}
			h.broadcast(t, forSubject("ann", 5))
			if got, want := resume("ann-2", "test-110"), []string{"note 5"}; !slices.Equal(got, want) {
				t.Errorf("a stream that misses its newest got %q, want %q", got, want)
			}
			expired := []string{`stream_reset {"reason":"expired"}`}
			for token, id := range map[string]string{"ann-3": "test-103", "cat-1": "test-102", "bob-2": "test-110", "admin-1": "test-110"} {
				if got := resume(token, id); !slices.Equal(got, expired) {
					t.Errorf("%s, which misses some, got %q, want %q", token, got, expired)
				}
			}
			if got := resume("cat-2", "test-103"); len(got) > 0 {
				t.Errorf("a stream that misses only what was for others got %q", got)
			}
		})
	}
}

// Whatever the gateway can and does, no stream gets what is not for it, and each gets in
// order and once what is.
func TestAudiencesHoldThroughHiccups(t *testing.T) { // A12, E7
	onEvery(t, func(t *testing.T, h *harness) {
		random := rand.New(rand.NewPCG(3, 7))
		subjects := []string{"ann", "bob", "cat", "dan"}
		want := map[string][]string{}
		for _, subject := range subjects {
			h.openAs(t, subject+"-1", subject+"-2")
		}
		h.openAs(t, "task-1", "admin-1")
		repeats := slices.Contains(h.gw.can, "event-id") && slices.Contains(h.gw.can, "broadcast")
		for i := range 200 {
			switch i % 20 {
			case 3:
				if repeats { // what cannot be repeated would be lost
					h.gw.mu.Lock()
					h.gw.mute = 1
					h.gw.mu.Unlock()
				}
			case 7:
				h.network.setDown(repeats)
			case 12:
				h.network.setDown(false)
			}
			ev, text := note(i), fmt.Sprint("note ", i)
			subject := subjects[random.IntN(len(subjects))]
			if all := random.IntN(3) == 0; !all {
				ev = forSubject(subject, i)
				want[subject] = append(want[subject], text)
			} else {
				for _, subject := range subjects {
					want[subject] = append(want[subject], text)
				}
			}
			want["admin"] = append(want["admin"], text)
			h.handOver(t, ev)
			pass(300 * time.Millisecond)
		}
		h.network.setDown(false)
		pass(time.Minute)
		for _, subject := range subjects {
			for _, token := range []string{subject + "-1", subject + "-2"} {
				wantSame(t, token, h.gw.got(token), want[subject])
			}
		}
		wantSame(t, "admin-1", h.gw.got("admin-1"), want["admin"])
		h.wantGot(t, "task-1")
	})
}

// wantSame shows the first difference of two long lists.
func wantSame(t *testing.T, token string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s got %d events, want %d; from the %d. on %q, want %q", token, len(got), len(want), i+1, got[i:min(i+3, len(got))], want[i:min(i+3, len(want))])
			return
		}
	}
}
