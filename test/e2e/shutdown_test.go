package e2e_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"heliograph/test/sseclient"
)

// A deploy: SIGTERM with streams open, a task that can finish, one that cannot,
// and one that waits.
func TestDeploySpreadsReconnects(t *testing.T) { // T15, G8, V7
	t.Parallel()
	s := start(t, "SHUTDOWN_GRACE_PERIOD=6s", "TASK_MAX_WORKERS=2", "SSE_DRAIN_SPREAD=8s")
	streams := s.streams(t, 10)
	watch := streams[0]
	finishes := s.startTask(t, `{"type":"demo_task","params":{"steps":4,"delay":0.25}}`)
	lingers := s.startTask(t, `{"type":"long_running_task","params":{"total_time":120}}`)
	watch.awaitTask(t, finishes, "task_started")
	watch.awaitTask(t, lingers, "task_started")
	queued := s.startTask(t, quickTask)

	s.signal(t, syscall.SIGTERM)
	eventually(t, "readiness fails", func() bool {
		return s.call(t, "GET", "/readyz", "").status == http.StatusServiceUnavailable
	})
	s.must(t, http.StatusOK, "GET", "/healthz", "")
	eventually(t, "new tasks are refused", func() bool {
		got := s.call(t, "POST", "/api/tasks", quickTask)
		return got.code() == "SHUTTING_DOWN" && got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") != ""
	})
	if got := s.call(t, "POST", "/api/versions", `{"version":"late"}`); got.code() != "SHUTTING_DOWN" {
		t.Errorf("V7: while draining a version is answered %d %s", got.status, got.body)
	}
	mustComeBackLater(t, s)

	for _, st := range streams {
		st.awaitTask(t, queued, "task_cancelled")
		st.awaitTask(t, finishes, "task_completed")
		st.awaitTask(t, lingers, "task_cancelled")
	}
	mustSpread(t, streams, 8*time.Second)
	if status := s.wait(t); status != 0 {
		t.Errorf("T15: exit status %d, want 0", status)
	}
}

// mustComeBackLater checks a stream request while draining: anything but a
// stream makes a browser give up for good.
func mustComeBackLater(t *testing.T, s *service) {
	t.Helper()
	late := open(t, sseclient.New(s.url+"/api/sse/stream?request_id=late"))
	await(t, "the end of the late stream", late.Done())
	items := late.Items()
	if !late.EndedCleanly() || len(items) != 1 || items[0].Kind != sseclient.KindRetry || items[0].Retry <= 0 {
		t.Errorf("G8: a stream request while draining got %+v, then %v; want a retry and the end", items, late.Err())
	}
}

// mustSpread checks that every stream got a retry of its own, and ended
// cleanly.
func mustSpread(t *testing.T, streams []*stream, spread time.Duration) {
	t.Helper()
	different := map[time.Duration]bool{}
	for _, st := range streams {
		await(t, "the stream's end", st.Done())
		items := st.Items()
		last := items[len(items)-1]
		if !st.EndedCleanly() || last.Kind != sseclient.KindRetry {
			t.Errorf("G8: a stream ended with %v after %+v", st.Err(), last)
		}
		if last.Retry <= 0 || last.Retry > spread+2*time.Second {
			t.Errorf("G8: retry after %s, the span is %s", last.Retry, spread)
		}
		different[last.Retry] = true
	}
	if len(different) < len(streams)/2 {
		t.Errorf("G8: %d streams come back at %d different times", len(streams), len(different))
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) { // T15
	t.Parallel()
	s := start(t, "SHUTDOWN_GRACE_PERIOD=10m")
	watch := s.stream(t, "me")
	watch.awaitTask(t, s.startTask(t, `{"type":"long_running_task","params":{"total_time":250}}`), "task_started")
	s.signal(t, syscall.SIGTERM)
	eventually(t, "the first signal is taken", func() bool { return s.call(t, "GET", "/readyz", "").status != http.StatusOK })
	eventually(t, "another signal ends it", func() bool { // on a busy machine the next one may be part of the first
		s.signal(t, syscall.SIGTERM)
		return s.hasExited()
	})
	if s.wait(t) == 0 {
		t.Error("an aborted shutdown claims success")
	}
}

// Ctrl-C on an idle service.
func TestInterruptStopsAnIdleService(t *testing.T) { // T15
	t.Parallel()
	s := start(t, "SHUTDOWN_GRACE_PERIOD=10m")
	s.signal(t, syscall.SIGINT)
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}
