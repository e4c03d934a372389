package standin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heliograph/test/sseclient"
	"heliograph/test/standin"
)

func TestConnectCallbackCarriesTheRawTargetAndAllHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, accept)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/any/p%61th?request_id=a%20b&x", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["X-Multi"] = []string{"a", "b"}
	req.Header.Set("Cookie", "c=1")
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	m := <-r.callbacks
	if m.Action != "connect" || m.Token == "" || m.Request.URL != "/any/p%61th?request_id=a%20b&x" ||
		m.Request.Headers["cookie"] != "c=1" || m.Request.Headers["host"] != req.Host || m.Request.Headers["x-multi"] != "a, b" {
		t.Errorf("callback %+v", m)
	}
	if m := <-r.callbacks; m.Action != "disconnect" || m.Reason != "client_closed" {
		t.Errorf("after the client left: %+v", m)
	}
}

func TestStreamHasTheProtocolsHeaders(t *testing.T) {
	t.Parallel()
	s, _ := newRig(t, accept).open(t, "/stream")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no",
		"Access-Control-Allow-Origin": "*", "Content-Encoding": "",
	} {
		if got := s.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestPushesDuringTheCallbackAreBufferedInOrder(t *testing.T) {
	t.Parallel()
	var r *rig
	r = newRig(t, func(_ http.ResponseWriter, m message) {
		r.mustPush(t, `{"token":"`+m.Token+`","event":{"name":"a","data":"1"}}`, http.StatusOK, "buffered")
		r.mustPush(t, `{"token":"`+m.Token+`","event":{"name":"b","data":"2\n3"},"close":true}`, http.StatusOK, "buffered")
	})
	s, _ := r.open(t, "/stream")
	<-s.Done()
	events := s.Events()
	if len(events) != 2 || events[0].Data != "1" || events[1].Data != "2\n3" {
		t.Errorf("got %+v", events)
	}
	if m := <-r.callbacks; m.Action != "disconnect" || m.Reason != "server_closed" {
		t.Errorf("after the close: %+v", m)
	}
}

func TestPushAnswersWhatTheProtocolSays(t *testing.T) {
	t.Parallel()
	r := newRig(t, accept)
	s, token := r.open(t, "/stream")
	r.mustPush(t, `{"token":"`+token+`","event":{"data":"{}"}}`, http.StatusOK, "ok")
	await(t, s, "message")
	r.mustPush(t, `{"token":"`+token+`"}`, http.StatusOK, "ok")
	for body, code := range map[string]string{
		`{`:                                 "INVALID_JSON",
		`{}`:                                "INVALID_TOKEN_MISSING",
		`{"token":""}`:                      "INVALID_TOKEN_MISSING",
		`{"token":7}`:                       "INVALID_TOKEN_MISSING",
		`{"Token":"x"}`:                     "INVALID_TOKEN_MISSING",
		`{"token":"x","event":"e"}`:         "INVALID_EVENT_TYPE",
		`{"token":"x","event":null}`:        "INVALID_EVENT_TYPE",
		`{"token":"x","event":{}}`:          "INVALID_EVENT_DATA_MISSING",
		`{"token":"x","event":{"data":{}}}`: "INVALID_EVENT_DATA_MISSING",
		`{"token":"x","event":{"data":"","name":1}}`: "INVALID_EVENT_NAME_TYPE",
		`{"token":"x","close":"yes"}`:                "INVALID_CLOSE_TYPE",
	} {
		r.mustPush(t, body, http.StatusBadRequest, code)
	}
	r.mustPush(t, `{"token":"unknown","event":{"data":""}}`, http.StatusNotFound, "TOKEN_NOT_FOUND")
	if len(s.Events()) != 1 {
		t.Errorf("the stream got %+v", s.Events())
	}
}

func TestCallbackDecidesTheAnswer(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]string{401: "BACKEND_AUTH_FAILED", 403: "BACKEND_FORBIDDEN", 400: "BACKEND_ERROR", 500: "BACKEND_ERROR"} {
		r := newRig(t, func(w http.ResponseWriter, _ message) { w.WriteHeader(status) })
		r.mustRefuse(t, status, code)
	}
	r := newRig(t, accept)
	r.SetCallback("http://127.0.0.1:1/")
	r.mustRefuse(t, http.StatusServiceUnavailable, "BACKEND_UNAVAILABLE")
	r.SetCallback("")
	r.mustRefuse(t, http.StatusServiceUnavailable, "SERVICE_NOT_CONFIGURED")
}

func TestClientThatLeavesDuringTheCallbackIsNotDisconnected(t *testing.T) {
	t.Parallel()
	release, asked := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(http.ResponseWriter, message) { close(asked); <-release })
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-asked; leave() }()
	if _, err := sseclient.New(r.URL() + "/stream").Connect(ctx); err == nil {
		t.Fatal("the stream was opened")
	}
	token := (<-r.callbacks).Token
	eventually(t, "the stream is dropped", func() bool { return len(r.State().Streams) == 0 })
	close(release)
	r.Wait()
	r.mustPush(t, `{"token":"`+token+`","event":{"data":""}}`, http.StatusNotFound, "TOKEN_NOT_FOUND")
	if callbacks := r.State().Callbacks; len(callbacks) != 1 {
		t.Errorf("callbacks %+v, want the connect only", callbacks)
	}
}

func TestFaultsConcernMatchingStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t, accept)
	_, bad := r.open(t, "/stream?request_id=bad")
	_, good := r.open(t, "/stream?request_id=good")
	r.SetFaults(standin.Faults{Match: "request_id=bad", Status: http.StatusInternalServerError})
	r.mustPush(t, `{"token":"`+bad+`","event":{"data":"1"}}`, http.StatusInternalServerError, "WRITE_FAILED")
	r.mustPush(t, `{"token":"`+good+`","event":{"data":"1"}}`, http.StatusOK, "ok")

	r.SetFaults(standin.Faults{Match: "request_id=bad", Hang: true})
	hung := make(chan struct{})
	go func() {
		defer close(hung)
		r.mustPush(t, `{"token":"`+bad+`","event":{"data":"2"}}`, http.StatusOK, "ok")
	}()
	eventually(t, "the push hangs", func() bool { return r.State().InFlight == 1 })
	r.mustPush(t, `{"token":"`+good+`","event":{"data":"2"}}`, http.StatusOK, "ok")
	r.SetFaults(standin.Faults{Delay: time.Millisecond})
	<-hung
	state := r.State()
	if len(state.Pushes) != 4 || state.MaxInFlight != 2 || state.MaxPerStream != 1 || state.PushConnections > 2 {
		t.Errorf("state %+v", state)
	}
}

func TestServerDiesAndComesBackOnItsPort(t *testing.T) {
	t.Parallel()
	r := newRig(t, accept)
	control := httptest.NewServer(r.ControlHandler())
	t.Cleanup(control.Close)
	c := &standin.Control{URL: control.URL, Client: r.http}
	s, token := r.open(t, "/stream")
	url := r.URL()

	if err := c.Away(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if resp, err := r.http.Get(url + "/healthz"); err == nil {
		_ = resp.Body.Close()
		t.Error("it still answers")
	}
	if err := c.Away(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	r.mustPush(t, `{"token":"`+token+`","event":{"data":""}}`, http.StatusNotFound, "TOKEN_NOT_FOUND")

	_, token = r.open(t, "/stream?request_id=forgotten")
	if err := c.Forget(t.Context(), "forgotten"); err != nil {
		t.Fatal(err)
	}
	r.mustPush(t, `{"token":"`+token+`","event":{"data":""}}`, http.StatusNotFound, "TOKEN_NOT_FOUND")
	state, err := c.State(t.Context())
	if err != nil || len(state.Callbacks) != 2 || len(state.Streams) != 0 || r.URL() != url {
		t.Errorf("state %+v, %v; want two connects and no disconnect", state, err)
	}
}

func TestOwnEndpoints(t *testing.T) {
	t.Parallel()
	r := newRig(t, accept)
	for target, want := range map[string]string{
		"GET /healthz":  `200 {"status":"ok"}`,
		"GET /readyz":   `200 {"configured":true,"status":"ready"}`,
		"OPTIONS /any":  `204 `,
		"POST /no-such": `404 {"error":{"code":"NOT_FOUND","message":"no such endpoint"}}`,
	} {
		method, path, _ := strings.Cut(target, " ")
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if got := fmt.Sprintf("%d %s", rec.Code, strings.TrimSpace(rec.Body.String())); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}
