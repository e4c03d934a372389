package standin_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/test/sseclient"
	"heliograph/test/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// message is a callback as a backend reads it.
type message struct {
	Action, Token, Reason string
	Request               struct {
		URL     string
		Headers map[string]any
	}
}

// rig is a stand-in with a backend that is the test itself.
type rig struct {
	*standin.Server
	http      *http.Client
	callbacks chan message
}

// newRig starts a stand-in whose backend answers callbacks with decide.
func newRig(t *testing.T, decide func(w http.ResponseWriter, m message)) *rig {
	t.Helper()
	r := &rig{standin.NewServer(), &http.Client{Transport: &http.Transport{}}, make(chan message, 16)}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var m message
		if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
			t.Errorf("callback: %v", err)
		}
		r.callbacks <- m
		if m.Action == "connect" {
			decide(w, m)
		}
	}))
	t.Cleanup(backend.Close)
	t.Cleanup(r.http.CloseIdleConnections)
	t.Cleanup(func() {
		if err := r.Away(); err != nil {
			t.Error(err)
		}
		r.Wait()
	})
	if err := r.Back(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	r.SetCallback(backend.URL + "/api/sse/callback")
	return r
}

func accept(http.ResponseWriter, message) {}

// open opens a stream and returns it with its token.
func (r *rig) open(t *testing.T, target string) (*sseclient.Stream, string) {
	t.Helper()
	s, err := sseclient.New(r.URL() + target).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, (<-r.callbacks).Token
}

// push posts a body and returns the status and the code or status in the answer.
func (r *rig) push(t *testing.T, body string) (int, string) {
	t.Helper()
	resp, err := r.http.Post(r.URL()+"/internal/send", "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Status string
		Error  struct{ Code string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Error(err)
	}
	return resp.StatusCode, answer.Status + answer.Error.Code
}

func (r *rig) mustPush(t *testing.T, body string, wantStatus int, wantText string) {
	t.Helper()
	if status, text := r.push(t, body); status != wantStatus || text != wantText {
		t.Errorf("push %s: %d %s, want %d %s", body, status, text, wantStatus, wantText)
	}
}

func await(t *testing.T, s *sseclient.Stream, name string) sseclient.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	item, err := s.Wait(ctx, func(i sseclient.Item) bool { return i.Event.Name == name })
	if err != nil {
		t.Fatalf("waiting for %q: %v; got %+v", name, err, s.Events())
	}
	return item.Event
}

func (r *rig) mustRefuse(t *testing.T, status int, code string) {
	t.Helper()
	resp, err := r.http.Get(r.URL() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != status || !strings.Contains(string(body), code) {
		t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, status, code)
	}
	if streams := r.State().Streams; len(streams) != 0 {
		t.Errorf("refused, yet there: %+v", streams)
	}
}

// eventually waits until what holds, for ten seconds at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(10 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("in ten seconds it did not come to this: %s", what)
		}
	}
}
