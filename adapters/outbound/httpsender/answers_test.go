package httpsender_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// A proxy that answers for a gateway which is away for a moment knows nothing of
// its streams.
func TestOnlyTheProtocolsCodeSaysThatATokenIsUnknown(t *testing.T) { // E5
	for body, gone := range map[string]bool{
		`default backend - 404`:                 false,
		`{"error":{"code":"NOT_FOUND"}}`:        false,
		`{}`:                                    false,
		`{"error":{"code":"TOKEN_NOT_FOUND"}}`:  true,
		`{"error":"TOKEN_NOT_FOUND"}`:           false,
		`{"error":{"message":"x","code":null}}`: false,
	} {
		bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
			h.open(t, "a")
			h.gw.reply("/internal/send", http.StatusNotFound, body)
			h.broadcast(t, note(1))
			if got := len(h.listener.gone) == 1; got != gone {
				t.Errorf("404 with %s: gone %t, want %t", body, got, gone)
			}
			if _, failed, _ := h.metrics.get(event.ServiceTask); failed != 1 {
				t.Errorf("404 with %s: %d failed, want 1", body, failed)
			}
			h.gw.reply("", 0, "")
			pass(httpsender.SweepInterval)
			h.broadcast(t, note(2))
			if got := slices.Contains(h.gw.got("a"), "note 2"); got == gone {
				t.Errorf("404 with %s: the next event arrived: %t", body, got)
			}
		})
	}
}

func TestAnswerThatIsNoneOfTheProtocolsIsAnError(t *testing.T) { // E6, M1
	for body, ok := range map[string]bool{
		`<html>Please wait</html>`: false, ``: false, `{}`: false, `{"status":"error"}`: false, `{"status":1}`: false, `"ok"`: false,
		`{"status":"ok"}`: true, `{"status":"buffered"}`: true, "{ \"more\": 1, \"status\": \"ok\" }\n": true,
	} {
		bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
			h.open(t, "a")
			h.gw.reply("/internal/send", http.StatusOK, body)
			h.broadcast(t, note(1))
			success, failed, _ := h.metrics.get(event.ServiceTask)
			if success+failed != 1 || (success == 1) != ok || (len(h.listener.failed) == 0) != ok {
				t.Errorf("%s: %d succeeded, %d failed, the listener heard %v", body, success, failed, h.listener.failed)
			}
		})
	}
}

func TestNumberThatMakesNoSenseIsAnError(t *testing.T) { // M1
	for delivered, want := range map[string][2]int{
		"-1": {0, 2}, "1e300": {0, 2}, "99999999999": {0, 2}, "1.5": {0, 2}, `"2"`: {0, 2}, "null": {0, 2},
		"0": {0, 0}, "2": {2, 0}, "3": {3, 0},
	} {
		bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
			h.open(t, "a", "b")
			h.gw.reply("/internal/broadcast", http.StatusOK, `{"status":"ok","delivered":`+delivered+`,"unknown":[]}`)
			h.broadcast(t, note(1))
			if ok, failed, requests := h.metrics.get(event.ServiceTask); ok != want[0] || failed != want[1] || requests != 1 {
				t.Errorf("delivered %s: %d succeeded, %d failed, %d requests; want %v and one request", delivered, ok, failed, requests, want)
			}
			if _, waits := h.Place(); !waits {
				t.Errorf("delivered %s: the event was not taken", delivered)
			}
		})
	}
}

// While a proxy answers for the gateway, broadcasts wait.
func TestBroadcastThatSomethingElseAnsweredIsRepeated(t *testing.T) { // E6, E7
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.gw.reply("/internal/broadcast", http.StatusOK, `<html>Please wait</html>`)
		h.handOver(t, note(1), note(2))
		pass(3 * httpsender.LookInterval)
		h.gw.reply("", 0, "")
		pass(3 * httpsender.LookInterval)
		h.wantGot(t, "a", "note 1", "note 2")
	})
}

// What a gateway does not take for its size it would not take another time, and
// nothing else of the stream may wait for it.
func TestWhatIsTooLargeIsNotRepeatedAndHoldsUpNothing(t *testing.T) { // E8
	large := event.Event{Service: event.ServiceTask, Name: "snapshot", Data: fmt.Appendf(nil, "%q", strings.Repeat(`"`, 50_000))}
	for name, limit := range map[string]int{"known before": 1 << 30, "said by the gateway": 1000} {
		bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
			h.open(t, "a")
			h.gw.mu.Lock()
			h.gw.limit = limit
			h.gw.mu.Unlock()
			h.listener.recover = func(token connection.Token) { h.send(t, token, large) }
			h.send(t, "a", large)
			pass(10 * httpsender.SweepInterval)
			pushes := h.gw.pushes
			if pushes > 1 || limit > 1000 && pushes > 0 {
				t.Errorf("%s: %d pushes of what is too large", name, pushes)
			}
			h.broadcast(t, note(1))
			h.wantGot(t, "a", "note 1")
			if len(h.listener.failed) != 1 || h.listener.recovered != 0 {
				t.Errorf("%s: %d recoveries, the listener heard %v", name, h.listener.recovered, h.listener.failed)
			}
			h.wantLanes(t, 0)
		})
	}
}

// A log event that is too large is lost for the stream, which gets the state
// instead, once.
func TestLogEventThatIsTooLargeIsMadeGoodOnce(t *testing.T) { // E6, E8
	bubbleWith(t, newStandIn("event-id"), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.gw.mu.Lock()
		h.gw.limit = 1000
		h.gw.mu.Unlock()
		h.listener.recover = func(token connection.Token) { h.send(t, token, snapshot(1)) }
		h.broadcast(t, event.Event{Service: event.ServiceTask, Name: "note", Data: bytes.Repeat([]byte("1"), 2000)}, note(2))
		pass(10 * httpsender.SweepInterval)
		h.wantGot(t, "a", `stream_reset {"reason":"expired"}`, "snapshot 1", "note 2")
		h.wantLanes(t, 0)
	})
}

func TestGatewayWithExtensionsTakesLargerBodies(t *testing.T) { // E8
	data := fmt.Appendf(nil, "%q", strings.Repeat(`"`, 50_000))
	bubbleWith(t, newStandIn("event-id"), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		h.send(t, "a", event.Event{Service: event.ServiceTask, Name: "snapshot", Data: data})
		synctest.Wait()
		h.wantGot(t, "a", "snapshot "+string(data))
	})
}

func TestLossesOfOneWindowCountTogether(t *testing.T) { // E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		for i := range httpsender.MaxLosses - 1 {
			h.open(t, fmt.Sprint(i))
			h.answer(fmt.Sprint(i), http.StatusInternalServerError)
		}
		for range 3 { // in one window
			h.broadcast(t, note(1))
			pass(httpsender.LookInterval)
		}
		if got := len(h.listener.failed); got != httpsender.MaxLosses {
			t.Errorf("the listener heard of %d losses, want %d", got, httpsender.MaxLosses)
		}
	})
}

func TestManyLossesAreLoggedInOneLine(t *testing.T) { // E6
	bubble(t, httpsender.Config{}, func(t *testing.T, h *harness) {
		for i := range 50 {
			h.open(t, fmt.Sprint(i))
			h.answer(fmt.Sprint(i), http.StatusInternalServerError)
		}
		h.broadcast(t, note(1))
		if got := len(h.listener.failed); got != httpsender.MaxLosses {
			t.Errorf("the listener heard of %d losses, want %d", got, httpsender.MaxLosses)
		}
		pass(httpsender.LossWindow + httpsender.LookInterval)
		h.broadcast(t, note(2))
		if got := len(h.listener.failed); got != 2*httpsender.MaxLosses {
			t.Errorf("a window later the listener heard of %d losses, want %d", got, 2*httpsender.MaxLosses)
		}
		if _, failed, _ := h.metrics.get(event.ServiceTask); failed < 100 {
			t.Errorf("%d failures were counted, want all", failed)
		}
		h.stop()
		if got := h.logs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "events=30") {
			t.Errorf("logged %q, want one line with the number", got)
		}
	})
}

func TestListWithoutAnEndIsNotFollowed(t *testing.T) { // C8
	for name, page := range map[string]string{
		"the same page again and again": `[{"token":"a","url":"/x?request_id=a"}]`,
		"empty pages":                   `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			gw, n := newStandIn(extensions...), 0
			gw.special = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/internal/connections" {
					return false
				}
				n++
				_, _ = fmt.Fprintf(w, `{"connections":%s,"next":"%d"}`, page, n)
				return true
			}
			bubbleWith(t, gw, httpsender.Config{}, func(t *testing.T, h *harness) {
				synctest.Wait()
				if n > 4 {
					t.Errorf("%d pages were asked for", n)
				}
			})
		})
	}
}

// FuzzAnswer holds a sender to its feet whatever a gateway says.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`{"status":"ok","delivered":-1}`, `{"status":"ok","delivered":2,"unknown":["a"]}`, `[]`, `null`, "\x00", `{"capabilities":["broadcast"]}`, `{"connections":[{"token":"","url":"?request_id=%"}],"next":"x"}`} {
		for _, status := range []int{200, 404, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 || len(body) > 1<<16 {
			return
		}
		gw := newStandIn(extensions...)
		bubbleWith(t, gw, httpsender.Config{Timeout: time.Second}, func(t *testing.T, h *harness) {
			h.open(t, "a", "b")
			synctest.Wait()
			gw.reply("", status, body)
			h.handOver(t, note(1), note(2))
			h.send(t, "a", snapshot(1))
			pass(15 * time.Second)
			if ok, failed, _ := h.metrics.get(event.ServiceTask); ok < 0 || failed < 0 {
				t.Errorf("%d succeeded, %d failed", ok, failed)
			}
		})
	})
}
