package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"heliograph/test/freeport"
)

// startPiped starts the service with its log going into a pipe, which the test
// may leave unread.
func startPiped(t *testing.T, env ...string) (s *service, log *os.File) {
	t.Helper()
	log, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	addr := freeport.Addr(t)
	p := &process{command: "serve", logs: &logs{}, exited: make(chan struct{})}
	p.cmd = exec.Command(binary(t), "serve")
	p.cmd.Env = append(environ(), append([]string{"HTTP_ADDR=" + addr, "LOG_LEVEL=debug", quick}, env...)...)
	p.cmd.Stderr = in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() { p.end(t) })
	s = &service{process: p, addr: addr, url: "http://" + addr, streamAddr: addr}
	s.client = &http.Client{Transport: &http.Transport{}, Timeout: waitLimit}
	t.Cleanup(s.client.CloseIdleConnections)
	eventually(t, "the service answers", func() bool {
		res, err := s.client.Get(s.url + "/healthz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return true
	})
	return s, log
}

// mustRunTasks runs so many tasks that their log does not fit into a pipe.
func (s *service) mustRunTasks(t *testing.T) {
	t.Helper()
	var last string
	for range 150 {
		last = s.startTask(t, `{"type":"demo_task","params":{"steps":1,"delay":0.001}}`)
	}
	eventually(t, "the tasks end", func() bool { return s.status(t, last).Status == "completed" })
}

func TestUnreadLogBlocksNothing(t *testing.T) { // T15; issue 11, 30
	t.Parallel()
	s, log := startPiped(t)
	for range 5 {
		s.mustRunTasks(t)
	}
	s.terminate(t)
	// A full pipe holds some less than 64 KiB: whole lines, each on one page.
	if text, err := io.ReadAll(log); err != nil || len(text) < 48<<10 {
		t.Errorf("the pipe held %d bytes, %v: it was not full", len(text), err)
	}
}

func TestClosedLogEndsNothing(t *testing.T) { // issue 11, 30
	t.Parallel()
	s, log := startPiped(t)
	_ = log.Close()
	s.mustRunTasks(t)
	got := s.must(t, http.StatusOK, "GET", "/metrics", "")
	var dropped float64
	for line := range strings.Lines(string(got.body)) {
		_, _ = fmt.Sscanf(line, "heliograph_log_dropped_lines_total %g", &dropped)
	}
	if dropped == 0 {
		t.Error("no dropped line is counted")
	}
	s.terminate(t)
}

func TestSIGHUPStopsTheServiceInOrder(t *testing.T) { // T15; issue 11, 20
	t.Parallel()
	s := start(t)
	s.signal(t, syscall.SIGHUP)
	if status := s.wait(t); status != 0 || len(s.logs.records("stopped")) != 1 {
		t.Errorf("after SIGHUP: exit status %d", status)
	}
}

func TestSecondSignalCountsAfterAWhile(t *testing.T) { // issue 11, 36
	t.Parallel()
	s := start(t)
	id := s.startTask(t, `{"type":"long_running_task","params":{"total_time":120}}`)
	eventually(t, "the task runs", func() bool { return s.status(t, id).Status == "running" })
	for range 3 {
		s.signal(t, os.Interrupt) // as Ctrl-C under a program that passes it on
	}
	if status := s.wait(t); status != 0 || len(s.logs.records("stopped")) != 1 {
		t.Errorf("after one Ctrl-C that came three times: exit status %d", status)
	}

	impatient := start(t, "SHUTDOWN_GRACE_PERIOD=60s")
	id = impatient.startTask(t, `{"type":"long_running_task","params":{"total_time":120}}`)
	eventually(t, "the task runs", func() bool { return impatient.status(t, id).Status == "running" })
	eventually(t, "a second signal ends the process", func() bool {
		impatient.signal(t, os.Interrupt)
		return impatient.hasExited()
	})
	if impatient.cmd.ProcessState.Success() {
		t.Error("the second signal did not cut the grace period short")
	}
}
