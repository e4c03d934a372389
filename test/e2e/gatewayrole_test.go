package e2e_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"
)

// A deploy of the gateway: its clients learn when to come back, and the service
// that they have left.
func TestGatewayDeploySpreadsReconnects(t *testing.T) { // G8, C9
	t.Parallel()
	s := startExternal(t, "SSE_DRAIN_SPREAD=8s")
	before := s.scrape(t)
	streams := s.streams(t, 10)
	for _, st := range streams {
		st.awaitNamed(t, "task_snapshot")
	}
	s.gateway.signal(t, syscall.SIGTERM)
	mustSpread(t, streams, 8*time.Second)
	if status := s.gateway.wait(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	s.awaitMetrics(t, before, metrics{connects: 10, disconnects: 10})
}

// The last events reach streams that an external gateway holds, too.
func TestShutdownBehindAGateway(t *testing.T) { // T15
	t.Parallel()
	s := startExternal(t)
	st := s.stream(t, "me")
	id := s.startTask(t, `{"type":"long_running_task","params":{"total_time":60}}`)
	st.awaitTask(t, id, "progress_update")
	s.terminate(t)
	st.awaitTask(t, id, "task_cancelled")
}

// A service that comes back takes over the streams that its gateway still holds.
func TestRestartedServiceAdoptsTheStreamsOfItsGateway(t *testing.T) { // C8, C9
	t.Parallel()
	s := startExternal(t)
	streams := s.streams(t, 5)
	for _, st := range streams {
		st.awaitNamed(t, "task_snapshot")
	}
	s.kill(t)
	s.again(t)
	eventually(t, "the streams are adopted", func() bool { return s.scrape(t)[active] == 5 })
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"of the new life"}`)
	for _, st := range streams {
		st.awaitVersion(t, "of the new life")
		if n := countNamed(st.Events(), "task_snapshot"); n != 2 {
			t.Errorf("C8: a stream got %d snapshots, want one of each life", n)
		}
		select {
		case <-st.Done():
			t.Error("C8: the stream has ended")
		default:
		}
	}
	newer := s.stream(t, "tab-0")
	newer.awaitNamed(t, "task_snapshot")
	streams[0].awaitNamed(t, "replaced")
}
