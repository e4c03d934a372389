package bootstrap_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"heliograph/test/cluster/link"
	"heliograph/test/natsserver"
	"heliograph/test/sseclient"
)

// logged returns what log events and resets are among the stream's events. A
// client gets the current version and the tasks besides.
func logged(stream *sseclient.Stream) (names []string) {
	for _, e := range stream.Events() {
		if e.Name == "stream_reset" || strings.Contains(e.Data, `"n":`) {
			names = append(names, e.Name+e.Data)
		}
	}
	return names
}

func TestANodeThatLagsBehindItsClientSendsNoFalseReset(t *testing.T) { // G2, G3, G8
	url := natsserver.Start(t).URL()
	wire, err := link.New(t.Context(), strings.TrimPrefix(url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wire.Close)
	near, far := node(t, url, "near"), node(t, "nats://"+wire.Addr(), "far")
	client, stream := near.stream(t, "me", "")
	wire.Cut()
	near.announce(t, `{"version":"1","n":1,"request_id":"other"}`) // not the current version: a stream gets that on connect
	wait(t, stream, "version", `"n":1`)
	stream.Close()

	_, away := far.stream(t, "me", client.LastID())
	<-away.Done()
	if items := away.Items(); len(items) != 1 || items[0].Kind != sseclient.KindRetry || !away.EndedCleanly() {
		t.Errorf("the node that is cut off says %+v, want a retry and the end", items)
	}
	wire.Heal()
	near.announce(t, `{"version":"2","n":2,"request_id":"other"}`)
	back := resume(t, far, client.LastID())
	wait(t, back, "version", `"n":2`)
	back.Close()
	if got := fmt.Sprint(logged(back)); strings.Contains(got, "reset") || strings.Contains(got, `"n":1`) {
		t.Errorf("the client that had the first event got %s", got)
	}
	for _, s := range []service{near, far} {
		s.end(t)
	}
}

// resume connects until a stream lasts.
func resume(t *testing.T, s service, lastID string) (stream *sseclient.Stream) {
	t.Helper()
	eventually(t, "a stream lasts", func() bool {
		client := sseclient.New(s.url + "/api/sse/stream?request_id=me")
		client.SetLastID(lastID)
		var err error
		if stream, err = client.Connect(t.Context()); err != nil {
			return false
		}
		t.Cleanup(stream.Close)
		_, err = stream.Wait(t.Context(), func(i sseclient.Item) bool { return i.Kind == sseclient.KindEvent })
		return err == nil
	})
	return stream
}

func TestEventsThatHaveLeftTheNodesLogAreReadFromTheBroker(t *testing.T) { // G2, G3
	environ := durable(t)
	environ["SSE_MAX_EVENT_BYTES"], environ["SSE_HISTORY_BYTES"] = "16KiB", "64KiB"
	s := start(t, environ)
	defer s.end(t)
	client, stream := s.stream(t, "me", "")
	s.announce(t, `{"version":"0","n":0}`)
	wait(t, stream, "version", `"n":0`)
	stream.Close()
	// The broker holds twice as much as the node.
	var want []string
	for i := range 7 {
		payload := fmt.Sprintf(`{"n":%d,"pad":"%s","version":"%d"}`, i+1, strings.Repeat("x", 13<<10), i)
		s.announce(t, payload)
		want = append(want, payload)
	}
	eventually(t, "the node has got them all", func() bool { // a stream that resumes meanwhile may be too slow
		return strings.Contains(s.must(t, http.MethodGet, "/api/version", "", http.StatusOK), `"n":7`)
	})
	_, stream = s.stream(t, "me", client.LastID())
	wait(t, stream, "version", `"n":7`)
	s.must(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","params":{"delay":0.001}}`, http.StatusAccepted)
	wait(t, stream, "task_event", "task_completed")
	stream.Close()
	got := logged(stream)
	if len(got) < len(want) {
		t.Fatalf("%d events came, want %d: %.60q", len(got), len(want), got)
	}
	for i, payload := range want {
		if got[i] != "version"+payload {
			t.Errorf("event %d is %.60s", i, got[i])
		}
	}
}
