package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// watching is a "heliograph watch" without a terminal.
type watching struct {
	cmd       *exec.Cmd
	out, said logs
	exit      chan struct{} // closed when it has ended
}

// watch starts one, and returns when its stream is open.
func (s *service) watch(t *testing.T, args ...string) *watching {
	t.Helper()
	w := &watching{exit: make(chan struct{})}
	w.cmd = exec.Command(binary(t), append([]string{"watch", "--url", s.url}, args...)...)
	w.cmd.Env, w.cmd.Stdout, w.cmd.Stderr = environ(), &w.out, &w.said
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.exit)
		_ = w.cmd.Wait() // its status is in ProcessState
	}()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		<-w.exit
	})
	w.prints(t, `"event":"task_snapshot"`)
	return w
}

func (w *watching) prints(t *testing.T, text string) {
	t.Helper()
	eventually(t, "it prints "+text, func() bool { return strings.Contains(w.out.String(), text) })
}

// ends interrupts it.
func (w *watching) ends(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of heliograph watch", w.exit)
	if got := w.cmd.ProcessState.ExitCode(); got != 0 {
		t.Errorf("exit status %d: %s", got, w.said.String())
	}
}

func TestWatchPrintsLinesOfJSON(t *testing.T) { // W9
	t.Parallel()
	s := start(t)
	w := s.watch(t, "--type", "failing_task")
	s.startTask(t, `{"type":"demo_task","params":{"delay":0}}`)
	id := s.startTask(t, `{"type":"failing_task","params":{"error_message":"<no disk>"}}`)
	w.prints(t, `"data":{"error":"<no disk>"`)
	w.ends(t)
	for line := range strings.Lines(w.out.String()) {
		got := decode[struct {
			ID, Event string
			Data      struct {
				Type   string `json:"type"`
				TaskID string `json:"task_id"`
			}
		}](t, line)
		if got.ID == "" || got.Event == "task_event" && got.Data.TaskID != id {
			t.Errorf("it prints %s", line)
		}
	}
	if said := w.said.String(); said != "" {
		t.Errorf("it says %s", said)
	}
}

func TestWatchGoesOnAfterARestartAndSaysWhatIsMissing(t *testing.T) { // W9, G2
	t.Parallel()
	s := start(t)
	w := s.watch(t)
	s.kill(t)
	s.again(t)
	w.prints(t, `"event":"stream_reset","data":{"reason":"epoch"}`)
	id := s.startTask(t, `{"type":"demo_task","params":{"delay":0}}`)
	w.prints(t, `"task_id":"`+id+`"`)
	if said := w.said.String(); !strings.Contains(said, "heliograph: the stream broke") || !strings.Contains(said, "heliograph: the stream is open again, and goes on after ") {
		t.Errorf("it said %s", said)
	}
	w.ends(t)
}

func TestWatchGoesOnWhereItWas(t *testing.T) { // W9, G2
	t.Parallel()
	s := start(t)
	proxy := newCutter(t, s.addr, func() (after int64, reset bool) { return 3_000, true })
	w := (&service{url: proxy.url()}).watch(t, "--event", "task_event,task_snapshot")
	id := s.startTask(t, `{"type":"long_running_task","params":{"total_time":3,"check_interval":0.05}}`)
	w.prints(t, `"event_type":"task_completed","task_id":"`+id)
	w.ends(t)
	seq := 0
	for line := range strings.Lines(w.out.String()) {
		got := decode[struct {
			Event string
			Data  struct{ Seq int }
		}](t, line)
		if got.Event == "stream_reset" || got.Event == "task_event" && got.Data.Seq <= seq {
			t.Errorf("after seq %d it prints %s", seq, line)
		}
		seq = max(seq, got.Data.Seq)
	}
	if said := w.said.String(); !strings.Contains(said, "goes on after") {
		t.Errorf("the stream never broke: %s", said)
	}
}

func TestWatchBehindAGatewayHasItsURL(t *testing.T) { // W9
	t.Parallel()
	s := startExternal(t)
	if status, out, said := heliograph(t, nil, "watch", "--url", s.url); status != 2 || out != "" || !strings.Contains(said, "--stream") {
		t.Errorf("without it: exit status %d, %q, %q", status, out, said)
	}
	w := s.watch(t, "--stream", "http://"+s.streamAddr+"/stream")
	id := s.startTask(t, `{"type":"demo_task","params":{"delay":0}}`)
	w.prints(t, `"event_type":"task_completed","task_id":"`+id)
	w.ends(t)
}

func TestWatchEndsWithItsReader(t *testing.T) { // W9
	t.Parallel()
	s := start(t)
	var out bytes.Buffer
	pipe := exec.CommandContext(t.Context(), program(t, "bash"), "-c", `"$0" watch --url "$1" | head -n 1`, binary(t), s.url)
	pipe.Env, pipe.Stdout = environ(), &out
	for range 2 { // the second event finds that nobody reads
		s.startTask(t, `{"type":"long_running_task","params":{"total_time":600,"check_interval":0.05}}`)
	}
	if err := pipe.Run(); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v: %q", err, out.String())
	}
}
