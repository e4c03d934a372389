package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"heliograph/test/sseclient"
)

// A duplicated tab carries the same request_id.
func TestNewerStreamReplacesTheOlder(t *testing.T) { // C3, C9
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t)
		before := s.scrape(t)
		older := s.stream(t, "me")
		older.awaitNamed(t, "task_snapshot")
		newer := s.stream(t, "me")
		older.awaitNamed(t, "replaced")
		await(t, "the end of the older stream", older.Done())
		if names := older.names(); !older.EndedCleanly() || names[len(names)-1] != "replaced" {
			t.Errorf("C3: the older stream ended with %v after %q", older.Err(), names)
		}
		s.awaitMetrics(t, before, metrics{connects: 2, disconnects: 1})
		s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
		newer.awaitVersion(t, "2")
		newer.Close()
		s.awaitMetrics(t, before, metrics{connects: 2, disconnects: 2})
	})
}

func TestIdleStreamsGetHeartbeatsAndPings(t *testing.T) { // G5
	t.Parallel()
	s := start(t, "SSE_HEARTBEAT_INTERVAL=50ms", "SSE_PING_INTERVAL=300ms")
	st := s.stream(t, "me")
	before := s.scrape(t)
	st.awaitItem(t, "a heartbeat", func(i sseclient.Item) bool { return i.Kind == sseclient.KindComment })
	ping := st.awaitNamed(t, "ping")
	if at := decode[struct{ Timestamp string }](t, ping.Data).Timestamp; ping.ID != "" || !utcTime.MatchString(at) {
		t.Errorf("ping %+v", ping)
	}
	if now := s.scrape(t); now[taskSent] > before[taskSent]+1 || now[versionSent] > before[versionSent]+1 {
		t.Error("M1: control events are counted") // one each may be the stream's first events
	}
}

func TestTooManyConnectionsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, "SSE_MAX_CONNECTIONS=1")
	s.stream(t, "first").awaitNamed(t, "task_snapshot")
	got := s.must(t, http.StatusServiceUnavailable, "GET", "/api/sse/stream?request_id=second", "")
	if got.code() != "TOO_MANY_CONNECTIONS" || got.header.Get("Retry-After") == "" {
		t.Errorf("the second stream: %v %s", got.header, got.body)
	}
}

func TestEnvelopeFormat(t *testing.T) { // gateway-protocol, "Event formats on the stream"
	t.Parallel()
	s := start(t, "SSE_EVENT_FORMAT=envelope", "FRONTEND_VERSION=1")
	type envelope struct {
		Type    string
		Payload struct{ Version string }
	}
	st := s.stream(t, "me")
	st.await(t, "the version in its envelope", func(e sseclient.Event) bool {
		return e.Name == "message" && decode[envelope](t, e.Data) == envelope{"version", struct{ Version string }{"1"}}
	})
	if first := st.Events()[0]; first != (sseclient.Event{Name: "ready"}) {
		t.Errorf("the stream begins with %+v, want ready", first)
	}
	refused := open(t, sseclient.New(s.url+"/api/sse/stream?request_id=task:1"))
	await(t, "the refused stream's end", refused.Done())
	if events := refused.Events(); len(events) != 1 || events[0].Name != "rejected" || decode[struct{ Status int }](t, events[0].Data).Status != 400 {
		t.Errorf("a refused stream got %+v", events)
	}
}

// A laptop that sleeps reads nothing more.
func TestSlowConsumerIsDisconnectedAndDelaysNoOther(t *testing.T) { // G4, M1
	t.Parallel()
	s := start(t, "SSE_HISTORY_BYTES=1MiB", "VERSION_POLL_INTERVAL=0", "FRONTEND_VERSION=1")
	good := s.stream(t, "good")
	good.awaitNamed(t, "version")
	before := s.scrape(t)
	openAndReadNothing(t, s.addr)
	s.awaitMetrics(t, before, metrics{connects: 1})
	body := fmt.Sprintf(`{"version":"big","changelog":%q}`, strings.Repeat("x", 60<<10))
	// More than the log and the kernel's buffers hold, however long that takes.
	for n := 1; s.scrape(t)[disconnects] == before[disconnects]; n++ {
		if n > 50 {
			t.Fatal("the slow consumer is still there after 500 large events")
		}
		for range 10 {
			s.must(t, http.StatusAccepted, "POST", "/api/versions", body)
		}
	}
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"last"}`)
	good.awaitVersion(t, "last")
	inOrder(t, good.Events(), place{})
	eventually(t, "M1: what the slow consumer had not got is counted as errors", func() bool {
		return s.scrape(t)[versionError] > before[versionError]
	})
}

func openAndReadNothing(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := io.WriteString(conn, "GET /api/sse/stream?request_id=slow HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

// What browsers and proxies ask for must not change the stream's bytes.
func TestStreamIsNeverCompressed(t *testing.T) { // G7
	t.Parallel()
	s := start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/sse/stream?request_id=me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip, br, zstd")
	resp, err := s.client.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	begin := make([]byte, 16)
	if _, err := io.ReadFull(resp.Body, begin); err != nil {
		t.Fatal(err)
	}
	plain := slices.ContainsFunc([]string{"id: ", "event: ", "data: "}, func(s string) bool { return bytes.HasPrefix(begin, []byte(s)) })
	if resp.Header.Get("Content-Encoding") != "" || !plain {
		t.Errorf("G7: headers %v, then %q", resp.Header, begin)
	}
}

func TestEventsAreCountedPerConnection(t *testing.T) { // M1, M2
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, versionless)
		streams := s.streams(t, 7)
		eventually(t, "the snapshots are counted", func() bool { return s.scrape(t)[taskSent] == 7 })
		before := s.scrape(t)
		for i := range 3 {
			s.must(t, http.StatusAccepted, "POST", "/api/versions", fmt.Sprintf(`{"version":"v%d"}`, i))
			for _, st := range streams {
				st.awaitVersion(t, fmt.Sprintf("v%d", i))
			}
		}
		s.awaitMetrics(t, before, metrics{versionSent: 21, versionError: 0, versionTook: 3, taskSent: 0})
	})
}
