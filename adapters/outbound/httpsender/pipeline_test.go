package httpsender_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memregistry"
)

// broadcastTo broadcasts events to a server that gives these answers, and returns
// the broadcasts that came in.
func broadcastTo(t *testing.T, path string, events int, answer http.HandlerFunc) (requests []request) {
	t.Helper()
	return broadcastToServer(t, httptest.NewServer, path, events, answer)
}

// broadcastToServer is broadcastTo with a server of another kind.
func broadcastToServer(t *testing.T, start func(http.Handler) *httptest.Server, path string, events int, answer http.HandlerFunc) (requests []request) {
	t.Helper()
	arrived := make(chan request, 5000)
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"capabilities":["broadcast","event-id"]}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		arrived <- request{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), string(body)}
		answer(w, r)
	}))
	defer server.Close()
	cfg := httpsender.Config{URL: strings.Replace(server.URL, "://", "://user:secret@", 1) + path}
	s, err := httpsender.New(cfg, memregistry.New(), newMetrics(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, s, newListener(memregistry.New()), newHistory())
	log := newHistory()
	for i := range events {
		if err := s.Broadcast(t.Context(), log.append(note(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	server.Close() // nothing arrives any more
	close(arrived)
	for r := range arrived {
		requests = append(requests, r)
	}
	return requests
}

func TestBroadcastIsWhatTheProtocolSays(t *testing.T) {
	for path, line := range map[string]string{
		"":        "POST /internal/broadcast",
		"/a%2Fb/": "POST /a%2Fb/internal/broadcast",
	} {
		got := broadcastTo(t, path, 1, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"ok","delivered":0,"unknown":[]}`)
		})
		want := []request{{
			line, "application/json", "Basic dXNlcjpzZWNyZXQ=", `{"event":{"name":"note","data":"0","id":"test-101"}}`,
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("below %q (-want +got):\n%s", path, diff)
		}
	}
}

// Whatever a gateway does with the connection, it gets every event in order. One
// that it gets again carries the same ID.
func TestBroadcastsArriveInOrderOverAnyConnection(t *testing.T) { // E7
	answers := map[string]http.HandlerFunc{
		"kept": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"ok","delivered":0}`)
		},
		"closed after each answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, `{"status":"ok","delivered":0}`)
		},
		"long answers": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"ok","delivered":0}`+strings.Repeat(" ", 30_000))
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			var got, want []string
			for _, r := range broadcastTo(t, "", 50, answer) {
				if !slices.Contains(got, r.Body) {
					got = append(got, r.Body)
				}
			}
			log := newHistory()
			for i := range 50 {
				rec := log.append(note(i))
				want = append(want, `{"event":{"name":"note","data":"`+string(rec.Event.Data)+`","id":"`+rec.ID.String()+`"}}`)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A gateway that answers the first of several requests before it reads the next
// must not make both wait for each other: the bubble's network has no buffers.
func TestAnswersAreReadWhileRequestsAreWritten(t *testing.T) {
	bubbleWith(t, newStandIn(extensions...), httpsender.Config{}, func(t *testing.T, h *harness) {
		h.open(t, "a")
		for i := range 100 {
			h.handOver(t, note(i))
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(h.gw.got("a")); got != 100 {
			t.Errorf("%d events arrived, want 100", got)
		}
	})
}

func TestBroadcastThatAProxyCannotPassOnIsRepeated(t *testing.T) { // E6
	left := 2
	got := broadcastTo(t, "", 1, func(w http.ResponseWriter, _ *http.Request) {
		if left--; left >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"status":"ok","delivered":0}`)
	})
	if len(got) != 3 || got[2] != got[0] {
		t.Errorf("the gateway was sent %+v, want the same three times", got)
	}
}
