package httpsender_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// request is what of a push is the protocol.
type request struct{ Line, ContentType, Authorization, Body string }

// pushTo sends one event to a server that gives this answer, below its URL, and
// returns the requests that came in.
func pushTo(t *testing.T, path string, answer http.HandlerFunc) (requests []request, l *listener) {
	t.Helper()
	arrived := make(chan request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusNotFound) // it has no /readyz
			return
		}
		body, _ := io.ReadAll(r.Body)
		arrived <- request{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), string(body)}
		answer(w, r)
	}))
	defer server.Close()
	cfg := httpsender.Config{URL: strings.Replace(server.URL, "http://", "http://user:secret@", 1) + path}
	s, err := httpsender.New(cfg, memregistry.New(), newMetrics(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l = newListener(memregistry.New())
	defer serve(t, s, l, newHistory())()
	ev := event.Event{Service: event.ServiceTask, Name: "task_event", Data: []byte(`{"a":"<b>"}`)}
	if err := s.Send(t.Context(), "t1", ev); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(arrived)
	for r := range arrived {
		requests = append(requests, r)
	}
	return requests, l
}

func TestPushIsWhatTheProtocolSays(t *testing.T) {
	for path, line := range map[string]string{
		"":        "POST /internal/send",
		"/":       "POST /internal/send",
		"/gate/w": "POST /gate/w/internal/send",
		"/a%2Fb/": "POST /a%2Fb/internal/send",
	} {
		got, _ := pushTo(t, path, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"status":"buffered"}`))
		})
		want := []request{{
			line, "application/json", "Basic dXNlcjpzZWNyZXQ=",
			`{"token":"t1","event":{"name":"task_event","data":"{\"a\":\"<b>\"}"},"close":false}`,
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("below %q (-want +got):\n%s", path, diff)
		}
	}
}

func TestRedirectIsARefusal(t *testing.T) {
	got, l := pushTo(t, "", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if len(got) != 1 || len(l.failed) != 1 {
		t.Errorf("got %d requests and failures %v, want one each", len(got), l.failed)
	}
}

func TestConnectionIsUsedAgainAfterAnyAnswer(t *testing.T) {
	addresses := make(map[string]bool)
	pushes := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		addresses[r.RemoteAddr] = true // one worker, so one request at a time
		pushes++
		w.WriteHeader([]int{200, 404, 500}[pushes%3])
		_, _ = w.Write(bytes.Repeat([]byte("not what the protocol says "), 10))
	}))
	defer server.Close()
	s, err := httpsender.New(httpsender.Config{URL: server.URL, Parallel: 1}, memregistry.New(), newMetrics(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s, newListener(memregistry.New()), newHistory())
	for range 6 {
		_ = s.Send(t.Context(), "t1", note(1))
		_ = s.Flush(t.Context())
	}
	if pushes < 6 || len(addresses) != 1 {
		t.Errorf("%d pushes came over %d connections, want at least 6 over 1", pushes, len(addresses))
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	for _, cfg := range []httpsender.Config{
		{},
		{URL: "localhost:3000"},
		{URL: "http://"},
		{URL: "ftp://gateway"},
		{URL: "http://gateway/?a=b"},
		{URL: "http://gateway/#a"},
		{URL: "http://user:secret@gate way"},
		{URL: "ftp://user:secret@gateway"},
		{URL: "http://gateway", Timeout: -1},
		{URL: "http://gateway", Parallel: -1},
	} {
		_, err := httpsender.New(cfg, memregistry.New(), newMetrics(), slog.New(slog.DiscardHandler))
		if err == nil {
			t.Errorf("%+v was accepted", cfg)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add("token", "name", []byte(`{"a":1}`), false)
	f.Add("\"\\\u2028", "na\u2028me", []byte("\"<\xff\u2028\\u0000\"\n "), true)
	f.Fuzz(func(t *testing.T, token, name string, data []byte, closing bool) {
		ev := event.Event{Service: event.ServiceTask, Name: name, Data: data}
		text, err := httpsender.Body(connection.Token(token), ev, closing)
		if invalid := ev.Validate(); invalid != nil || err != nil {
			if (invalid != nil) != (err != nil) {
				t.Fatalf("encode: %v, but the event: %v", err, invalid)
			}
			return
		}
		want := map[string]any{
			"token": asJSON(token), "event": map[string]any{"name": asJSON(name), "data": asJSON(string(data))}, "close": closing,
		}
		if diff := cmp.Diff(want, fromJSON(t, text)); diff != "" {
			t.Errorf("the body %q (-want +got):\n%s", text, diff)
		}
	})
}

// asJSON returns what encoding/json makes of s, there and back: invalid UTF-8
// becomes U+FFFD.
func asJSON(s string) string {
	text, _ := json.Marshal(s)
	_ = json.Unmarshal(text, &s)
	return s
}

func fromJSON(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("the body %q: %v", text, err)
	}
	return v
}
