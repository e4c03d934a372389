package bootstrap_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/bootstrap"
	"heliograph/test/fulldisk"
)

func TestAFullDiskIsReportedAndWritesGoOnOnceThereIsRoom(t *testing.T) { // S3, T15
	if !fulldisk.Alone(t) {
		return
	}
	s := start(t, durable(t))
	_, stream := s.stream(t, "me", "")
	const quickTask = `{"type":"demo_task","params":{"delay":0.001}}`
	makeRoom := fulldisk.Fill(t)
	for range 2 {
		if body := s.must(t, http.MethodPost, "/api/tasks", quickTask, http.StatusServiceUnavailable); !strings.Contains(body, "BROKER_UNAVAILABLE") {
			t.Errorf("a task on a full disk: %s", body)
		}
	}
	s.must(t, http.MethodPost, "/api/versions", `{"version":"2"}`, http.StatusServiceUnavailable)
	if body := s.must(t, http.MethodGet, "/readyz", "", http.StatusServiceUnavailable); !strings.Contains(body, "cannot be written to") {
		t.Errorf("readiness: %s", body)
	}
	makeRoom()
	for status := 0; status != http.StatusOK; status, _ = get(t, s.url+"/readyz") {
		<-time.After(10 * time.Millisecond)
	}
	s.must(t, http.MethodPost, "/api/tasks", quickTask, http.StatusAccepted)
	wait(t, stream, "task_event", "task_completed")
	stream.Close()
	s.end(t)
}

func TestTheServiceStopsInOrderOnAFullDisk(t *testing.T) { // T15
	if !fulldisk.Alone(t) {
		return
	}
	environ := durable(t)
	environ["SHUTDOWN_GRACE_PERIOD"] = "3s"
	s := start(t, environ)
	_, stream := s.stream(t, "me", "")
	s.must(t, http.MethodPost, "/api/tasks", `{"type":"long_running_task","params":{"total_time":60}}`, http.StatusAccepted)
	wait(t, stream, "task_event", "progress_update")
	stream.Close()
	fulldisk.Fill(t)
	s.end(t)
}

func TestTooLittleSpaceAtTheStartNamesTheFolder(t *testing.T) {
	environ := durable(t)
	environ["HTTP_ADDR"], environ["SSE_HISTORY_BYTES"] = "127.0.0.1:0", "1PiB"
	_, err := bootstrap.New(t.Context(), load(t, environ), silent)
	if err == nil || !strings.Contains(err.Error(), "DATA_DIR: ") || !strings.Contains(err.Error(), "too little free disk space") {
		t.Errorf("error %v", err)
	}
}

func TestAServiceThatIsStartedOnAFullDiskIsReadyOnceThereIsRoom(t *testing.T) { // H3
	dir, ok := fulldisk.Volume(t, 100<<20)
	if !ok {
		return
	}
	environ := durable(t)
	environ["DATA_DIR"] = dir
	start(t, environ).end(t)
	makeRoom := fulldisk.Occupy(t, dir, 0)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	release := make(chan struct{})
	close(release)
	url, started, ended := begin(ctx, t, environ, release)
	says(t, url, "disk")
	makeRoom()
	<-started
	if status, body := ask(t, http.MethodPost, url+"/api/versions", `{"version":"1"}`); status != http.StatusAccepted {
		t.Errorf("%d %s", status, body)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
