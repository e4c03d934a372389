package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/test/sseclient"
	"heliograph/test/standin"
)

const quickTask = `{"type":"demo_task","params":{"steps":2,"delay":0.01}}`

func TestGatewayReplacesAndDisconnects(t *testing.T) { // C1, C3, C4, C9, E1, E2, S1, T10
	t.Parallel()
	s, g := startWithGateway(t)
	before := s.scrape(t)
	first, other := g.stream(t, "a"), g.stream(t, "b")
	s.awaitMetrics(t, before, metrics{connects: 2, disconnects: 0})

	id := s.startTask(t, quickTask)
	for _, st := range []*stream{first, other} {
		st.awaitTask(t, id, "task_completed")
		if events := st.taskEvents(t, id); !slices.IsSortedFunc(events, func(a, b taskEvent) int { return int(a.Seq) - int(b.Seq) }) {
			t.Errorf("E7: %+v", events)
		}
	}

	second := g.stream(t, "a")
	first.awaitNamed(t, "replaced")
	await(t, "the end of the replaced stream", first.Done())
	if names := first.names(); !first.EndedCleanly() || names[len(names)-1] != "replaced" {
		t.Errorf("C3: the replaced stream ended with %v after %q", first.Err(), names)
	}
	eventually(t, "the late disconnect", func() bool { return len(g.callbacks(t, "a")) == 3 })
	if diff := cmp.Diff([]string{"connect OK", "connect OK", "disconnect server_closed OK"}, slices.Sorted(slices.Values(g.callbacks(t, "a")))); diff != "" {
		t.Errorf("C4: callbacks of a: %s", diff)
	}
	s.awaitMetrics(t, before, metrics{connects: 3, disconnects: 1}) // the replacement, and nothing for the late news

	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
	second.awaitVersion(t, "2")
	other.awaitVersion(t, "2")

	other.Close()
	s.awaitMetrics(t, before, metrics{connects: 3, disconnects: 2})
	if got := s.call(t, "GET", "/api/sse/stream?request_id=x", ""); got.status != http.StatusNotFound {
		t.Errorf("with an external gateway the service's own stream answers %d", got.status)
	}
}

func TestConnectionUnknownToTheGatewayIsRemoved(t *testing.T) { // E5, C9, M1
	t.Parallel()
	s, g := startWithGateway(t)
	before := s.scrape(t)
	good := g.stream(t, "good")
	g.stream(t, "lost")
	s.awaitMetrics(t, before, metrics{connects: 2})
	if err := g.control.Forget(t.Context(), "request_id=lost"); err != nil {
		t.Fatal(err)
	}
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
	good.awaitVersion(t, "2")
	s.awaitMetrics(t, before, metrics{connects: 2, disconnects: 1, versionError: 1})
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"3"}`)
	good.awaitVersion(t, "3")
	s.awaitMetrics(t, before, metrics{versionError: 1})
}

func TestGatewayErrorAffectsOneConnectionOnly(t *testing.T) { // E6, T12
	t.Parallel()
	s, g := startWithGateway(t)
	good, bad := g.stream(t, "good"), g.stream(t, "bad")
	g.faults(t, standin.Faults{Match: "request_id=bad", Status: http.StatusInternalServerError})
	id := s.startTask(t, quickTask)
	good.awaitTask(t, id, "task_completed")
	if got := s.status(t, id); got.Status != "completed" {
		t.Errorf("T12: the task is %+v", got)
	}
	eventually(t, "the loss is logged with its request_id", func() bool {
		return slices.ContainsFunc(s.logs.warnings(), func(r logRecord) bool { return r.is("request_id", "bad") })
	})

	seen := len(bad.Events())
	g.faults(t, standin.Faults{})
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"after"}`)
	bad.awaitVersion(t, "after")
	eventually(t, "a fresh snapshot", func() bool { return countNamed(bad.Events()[seen:], "task_snapshot") == 1 })
	fresh := bad.Events()[seen:]
	if first := fresh[:2]; countNamed(first, "task_snapshot") != 1 || countNamed(first, "version") != 1 {
		t.Errorf("E6: after the error cleared the stream got %+v, want a snapshot and the version first", fresh)
	}
	if good := countNamed(good.Events(), "task_snapshot"); good != 1 {
		t.Errorf("E6: the other stream got %d snapshots", good)
	}
}

func TestHungGatewayDelaysNothingElse(t *testing.T) { // E6, E10, T12
	t.Parallel()
	s, g := startWithGateway(t, "SSE_GATEWAY_TIMEOUT=10m")
	st := g.stream(t, "me")
	g.faults(t, standin.Faults{Hang: true})
	ids := []string{s.startTask(t, quickTask), s.startTask(t, quickTask), s.startTask(t, `{"type":"failing_task","params":{"delay":0.01}}`)}
	eventually(t, "a push hangs", func() bool { return g.state(t).InFlight > 0 })
	for _, id := range ids { // every call has a bound, far below the gateway's
		eventually(t, "the task ends", func() bool { return s.status(t, id).EndTime != nil })
	}
	s.must(t, http.StatusOK, "GET", "/readyz", "")
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
	g.faults(t, standin.Faults{})
	for i, id := range ids {
		st.awaitTask(t, id, []string{"task_completed", "task_completed", "task_failed"}[i])
	}
	st.awaitVersion(t, "2")
}

func TestGatewayGoesAndComesBackOnItsPort(t *testing.T) { // E5, E6, C8, C9
	t.Parallel()
	s, g := startWithGateway(t)
	before := s.scrape(t)
	old := g.stream(t, "me")
	g.away(t, true)
	await(t, "the stream's end", old.Done())
	id := s.startTask(t, quickTask)
	eventually(t, "the task ends without a gateway", func() bool { return s.status(t, id).Status == "completed" })

	g.away(t, false)
	back, other := g.stream(t, "me"), g.stream(t, "other")
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
	back.awaitVersion(t, "2")
	other.awaitVersion(t, "2")
	s.awaitMetrics(t, before, metrics{connects: 3, disconnects: 1})
}

// The backend may push before it has answered the connect callback: between the
// two a proxy holds the answer back.
func TestEventsDuringTheCallbackArrive(t *testing.T) { // C5, G9
	t.Parallel()
	s, g := startWithGateway(t)
	registered, release := make(chan struct{}), make(chan struct{})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, _ := http.NewRequestWithContext(r.Context(), r.Method, s.url+"/api/sse/callback", r.Body)
		got, err := send(s.client, req)
		if err != nil || got.status != http.StatusOK {
			t.Errorf("callback: %d, %v", got.status, err)
		}
		close(registered)
		<-release
		_, _ = w.Write(got.body)
	}))
	t.Cleanup(proxy.Close)
	g.callback(t, proxy.URL)

	client, opened := sseclient.New(g.url+"/s?request_id=me"), make(chan *stream, 1)
	go func() {
		st, err := connect(t, client)
		if err != nil {
			t.Error(err)
		}
		opened <- st
	}()
	await(t, "the callback", registered)
	g.callback(t, s.url+"/api/sse/callback")
	id := s.startTask(t, quickTask)
	eventually(t, "the task's last event is buffered", func() bool {
		return slices.ContainsFunc(g.state(t).Pushes, func(p standin.Push) bool { return strings.Contains(p.Data, "task_completed") })
	})
	close(release)
	st := await(t, "the stream", opened)
	st.awaitTask(t, id, "task_completed")
	if events := st.taskEvents(t, id); events[0].Type != "task_started" {
		t.Errorf("G9: %+v", events)
	}
}

func TestPushesAreParallelOverKeptConnections(t *testing.T) { // E6, E7, M1, M2
	t.Parallel()
	const streams, parallel = 40, 8
	s, g := startWithGateway(t, fmt.Sprintf("SSE_GATEWAY_PARALLEL=%d", parallel))
	all := make([]*stream, streams)
	for i := range all {
		all[i] = g.stream(t, fmt.Sprintf("tab-%d", i))
	}
	eventually(t, "the first events are counted", func() bool {
		now := s.scrape(t)
		return now[versionSent] >= streams && now[versionTook] == now[versionSent]
	})
	before := s.scrape(t)
	for i := range 5 {
		s.must(t, http.StatusAccepted, "POST", "/api/versions", fmt.Sprintf(`{"version":"v%d"}`, i))
		for _, st := range all {
			st.awaitVersion(t, fmt.Sprintf("v%d", i))
		}
	}
	s.awaitMetrics(t, before, metrics{versionSent: 5 * streams, versionError: 0, versionTook: 5 * streams})
	state := g.state(t)
	if state.MaxInFlight > parallel || state.MaxPerStream != 1 || state.PushConnections > parallel {
		t.Errorf("%d pushes at once, %d of them for one stream, over %d connections; want at most %d, 1, %d",
			state.MaxInFlight, state.MaxPerStream, state.PushConnections, parallel, parallel)
	}
}

func TestCallbackSecret(t *testing.T) { // S2
	t.Parallel()
	const secret = "s3cret-of-the-callback"
	s, g := startWithGateway(t, "APP_ENV=production", "AUTH=none", "SSE_CALLBACK_SECRET="+secret)
	before := s.scrape(t)
	for _, query := range []string{"", "?secret=", "?secret=wrong", "?secret=" + secret + "x"} {
		g.callback(t, s.url+"/api/sse/callback"+query)
		_, err := sseclient.New(g.url + "/s?request_id=me").Connect(t.Context())
		if err == nil || !strings.Contains(err.Error(), "BACKEND_AUTH_FAILED") {
			t.Errorf("S2: with %q the stream: %v", query, err)
		}
	}
	g.callback(t, s.url+"/api/sse/callback?secret="+secret)
	st := g.stream(t, "me")
	body := `{"action":"disconnect","token":"` + g.state(t).Streams[0].Token + `","reason":"error","request":{"url":"/","headers":{}}}`
	for header, status := range map[string]int{"": 401, "X-SSE-Callback-Secret: " + secret: 200} {
		if got := s.call(t, "POST", "/api/sse/callback", body, header); got.status != status {
			t.Errorf("S2: with header %q: %d", header, got.status)
		}
	}
	s.awaitMetrics(t, before, metrics{connects: 1, disconnects: 1})
	if got := s.call(t, "POST", "/api/tasks", quickTask); got.code() != "UNKNOWN_TASK_TYPE" {
		t.Errorf("production starts a demo task: %s", got.body)
	}
	st.Close()
	s.terminate(t)
	s.logs.mustBeClean(t, secret)
}

func TestShutdownWithAHungGatewayStaysWithinItsGrace(t *testing.T) { // T15
	t.Parallel()
	s, g := startWithGateway(t, "SHUTDOWN_GRACE_PERIOD=3s", "SSE_GATEWAY_TIMEOUT=10m")
	g.stream(t, "me")
	g.faults(t, standin.Faults{Hang: true})
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
	eventually(t, "a push hangs", func() bool { return g.state(t).InFlight > 0 })
	s.signal(t, syscall.SIGTERM)
	s.wait(t) // its status may say that the shutdown was not complete
}
