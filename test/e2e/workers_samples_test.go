package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	client "heliograph/docs/examples/workers/heliograph"
	"heliograph/test/programs"
)

// sampleWorkers are the sample workers, by language.
var sampleWorkers = map[string]func(t *testing.T) []string{
	"python": func(t *testing.T) []string {
		t.Helper()
		return []string{program(t, "python3"), filepath.Join(samples, "worker.py")}
	},
	"node": func(t *testing.T) []string {
		t.Helper()
		return []string{program(t, "node"), filepath.Join(samples, "worker.mjs")}
	},
	"go": func(t *testing.T) []string {
		t.Helper()
		return []string{programs.Raced(t, "heliograph/docs/examples/workers/goworker")}
	},
}

// withEachSample runs a test with the sample worker of each language.
func withEachSample(t *testing.T, test func(t *testing.T, command []string)) {
	t.Helper()
	for language, command := range sampleWorkers {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			test(t, command(t))
		})
	}
}

// sampleWorker is a sample that runs as a process.
type sampleWorker struct {
	cmd    *exec.Cmd
	said   said
	exited chan struct{} // closed when it has ended
}

// work runs a worker for the type count until the test's end. It may say what becomes of
// its tasks, and nothing else.
func (s *service) work(t *testing.T, command []string, env ...string) *sampleWorker {
	t.Helper()
	w := &sampleWorker{cmd: exec.Command(command[0], append(command[1:], s.url, "count")...), exited: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), env...) //nolint:forbidigo // PATH and the like
	w.cmd.Stdout, w.cmd.Stderr = &w.said, &w.said
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = w.cmd.Wait() // its status is in ProcessState
		close(w.exited)
	}()
	t.Cleanup(func() {
		w.kill()
		w.said.mustBeTasks(t)
	})
	return w
}

// kill ends a worker without a chance to do anything.
func (w *sampleWorker) kill() {
	_ = w.cmd.Process.Kill()
	<-w.exited
}

// terminate asks a worker to end, and requires that it does so without an error.
func (w *sampleWorker) terminate(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	await(t, "the worker ends", w.exited)
	if status := w.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("after SIGTERM: exit status %d, want 0", status)
	}
}

// ofTask is a line about the end of a task: by the script languages, and by slog.
var ofTask = regexp.MustCompile(`, attempt \d+: .* after \d+\.\d s$|msg="task ended here" .*attempt=\d+ outcome=.* after=`)

// mustBeTasks fails if a worker said anything but how its tasks ended.
func (s *said) mustBeTasks(t *testing.T) {
	t.Helper()
	for _, line := range s.lines() {
		if !ofTask.MatchString(line) {
			t.Errorf("a worker said %s", line)
		}
	}
}

func (s *said) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.FieldsFunc(s.text.String(), func(r rune) bool { return r == '\n' })
}

// of returns the lines about a task.
func (s *said) of(id string) (lines []string) {
	for _, line := range s.lines() {
		if strings.Contains(line, id) {
			lines = append(lines, line)
		}
	}
	return lines
}

// logged requires that a worker says of a task that it ended so, in one line.
func (w *sampleWorker) logged(t *testing.T, id, outcome string) {
	t.Helper()
	eventually(t, "the worker logs the task", func() bool { return len(w.said.of(id)) > 0 })
	if lines := w.said.of(id); len(lines) != 1 || !strings.Contains(lines[0], outcome) || !strings.Contains(lines[0], "count") {
		t.Errorf("the worker said %q of its task, want %q in one line", lines, outcome)
	}
}

// runs waits until a task has made some progress.
func (s *service) runs(t *testing.T, id string) {
	t.Helper()
	eventually(t, "the task runs", func() bool {
		got := s.status(t, id)
		return got.Status == "running" && got.Progress.Value > 0
	})
}

const lengthy = 1000 // steps, which nobody waits for

func TestSampleWorkerThatIsToEndGivesItsTaskBack(t *testing.T) { // T20
	t.Parallel()
	withEachSample(t, func(t *testing.T, command []string) {
		s := start(t, workersFile(t, "30s"))
		id := s.startCount(t, &order{Steps: lengthy, Delay: 0.01})
		w := s.work(t, command)
		s.runs(t, id)
		if got, pid := s.call(t, http.MethodGet, "/api/tasks/"+id, ""), w.cmd.Process.Pid; !strings.Contains(string(got.body), fmt.Sprintf(`/%d"`, pid)) {
			t.Errorf("the worker, process %d, is not named: %s", pid, got.body)
		}
		w.terminate(t)
		if got := s.status(t, id); got.Status != "pending" || got.Attempt != 1 {
			t.Errorf("the task is %+v", got)
		}
		w.logged(t, id, "given back")
		if next := s.claim(t); next.TaskID != id || next.Attempt != 1 {
			t.Errorf("another worker got %+v", next)
		}
	})
}

func TestSampleWorkerWithoutATaskEndsAtOnce(t *testing.T) { // T20
	t.Parallel()
	withEachSample(t, func(t *testing.T, command []string) {
		s := start(t, workersFile(t, "30s"))
		w := s.work(t, command)
		id := s.startCount(t, &order{Steps: 1})
		eventually(t, "it has ended a task", func() bool { return len(w.said.of(id)) > 0 }) // so it waits for another
		w.terminate(t)
		w.logged(t, id, "completed")
		id = s.startCount(t, &order{Steps: 1})
		if got := s.claim(t); got.TaskID != id || got.Attempt != 1 {
			t.Errorf("claimed is %+v, and the task that nobody took is %s", got, id)
		}
	})
}

func TestSampleWorkerStopsWhatIsCancelledAndGoesOn(t *testing.T) { // T7
	t.Parallel()
	withEachSample(t, func(t *testing.T, command []string) {
		s := start(t, workersFile(t, "3s"))
		w := s.work(t, command)
		id := s.startCount(t, &order{Steps: lengthy, Delay: 0.01})
		s.runs(t, id)
		s.must(t, http.StatusOK, http.MethodPost, "/api/tasks/"+id+"/cancel", "")
		next := s.startCount(t, &order{Steps: 1, Error: "no such file"})
		eventually(t, "both have ended", func() bool { return s.status(t, id).EndTime != nil && s.status(t, next).EndTime != nil })
		if first, second := s.status(t, id), s.status(t, next); first.Status != "cancelled" || second.Status != "failed" || *second.Error != "no such file" {
			t.Errorf("one is %+v, the next %+v", first, second)
		}
		w.logged(t, id, "cancelled")
		w.logged(t, next, "failed: no such file")
	})
}

// The service is away for a while, as when it is deployed: its worker tries again.
func TestSampleWorkerOutlivesARestartOfTheService(t *testing.T) { // T15
	t.Parallel()
	withEachSample(t, func(t *testing.T, command []string) {
		s := start(t, workersFile(t, "30s"), "DATA_DIR="+t.TempDir())
		w := s.work(t, command)
		id := s.startCount(t, &order{Steps: 100, Delay: 0.02})
		s.runs(t, id)
		s.terminate(t)
		s.again(t)
		eventually(t, "the task ends", func() bool { return s.status(t, id).EndTime != nil })
		if got := s.status(t, id); got.Status != "completed" || got.Attempt != 1 {
			t.Errorf("the task is %+v", got)
		}
		w.logged(t, id, "completed")
		next := s.startCount(t, &order{Steps: 1})
		eventually(t, "the next one ends", func() bool { return s.status(t, next).Status == "completed" })
	})
}

func TestSampleWorkerWithABadKeyEnds(t *testing.T) { // A9
	t.Parallel()
	withEachSample(t, func(t *testing.T, command []string) {
		s := start(t, secured(workersFile(t, "30s"))...)
		ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], append(command[1:], s.url, "count")...)
		cmd.Env = append(os.Environ(), "HELIOGRAPH_TOKEN=hk_nobody") //nolint:forbidigo // PATH and the like
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "credential") || strings.Contains(string(out), "hk_nobody") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// withEachClient runs a test with a worker of each language whose work is changed: it does
// what is said in the words of its language. more is what TASKS_FILE says of the type beside.
func withEachClient(t *testing.T, more, python, node string, golang client.Work, test func(t *testing.T, s *service)) {
	t.Helper()
	for _, c := range []struct{ interpreter, sample, before, after string }{
		{"python3", "worker.py", `return {"steps": steps, "attempt": task.attempt}`, python},
		{"node", "worker.mjs", `return { steps, attempt: task.attempt };`, node},
	} {
		t.Run(c.sample, func(t *testing.T) {
			t.Parallel()
			s := start(t, typeFile(t, more))
			s.work(t, []string{program(t, c.interpreter), copyOfSample(t, c.sample, c.before, c.after)})
			test(t, s)
		})
	}
	t.Run("heliograph.go", func(t *testing.T) {
		t.Parallel()
		s := start(t, typeFile(t, more))
		ctx, cancel := context.WithCancel(t.Context())
		service := &client.Service{URL: s.url, Client: s.client, Log: slog.New(slog.DiscardHandler)}
		ended := make(chan error, 1)
		go func() { ended <- service.Work(ctx, map[string]client.Work{"count": golang}) }()
		t.Cleanup(func() {
			cancel()
			if err := await(t, "the worker ends", ended); err != nil {
				t.Error(err)
			}
		})
		test(t, s)
	})
}

// typeFile is the TASKS_FILE of the type count, with more in its entry.
func typeFile(t *testing.T, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(path, []byte("tasks: {count: {worker: {}, params: {steps: {type: integer}}"+more+"}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "TASKS_FILE=" + path
}

// What a worker may want to know of its task.
func TestSampleWorkerKnowsItsTask(t *testing.T) { // T16
	t.Parallel()
	withEachClient(t, "",
		`return {"id": task.id, "type": task.type, "labels": task.labels, "attempt": task.attempt}`,
		`return { id: task.id, type: task.type, labels: task.labels, attempt: task.attempt };`,
		func(_ context.Context, task *client.Task) (any, error) {
			return map[string]any{"id": task.ID, "type": task.Type, "labels": task.Labels, "attempt": task.Attempt}, nil
		},
		func(t *testing.T, s *service) {
			t.Helper()
			id := s.startTask(t, `{"type":"count","params":{"steps":1},"labels":{"page":"exports"}}`)
			eventually(t, "the task ends", func() bool { return s.status(t, id).EndTime != nil })
			want := `{"id":"` + id + `","type":"count","labels":{"page":"exports"},"attempt":1}`
			if got := s.status(t, id); !sameJSON(t, string(got.Result), want) {
				t.Errorf("the result is %s, want %s", got.Result, want)
			}
		})
}

func TestSampleWorkerPrints(t *testing.T) { // T21
	t.Parallel()
	const times = 30_000 // more than one call takes, at lengths that divide no character
	long := strings.Repeat("é🙂", times)
	withEachClient(t, "",
		`task.output("begin\n"); task.output("é🙂" * 30000); task.output(""); task.output("end")`,
		`await Promise.all([task.output("begin\n"), task.output("é🙂".repeat(30000)), task.output(""), task.output("end")]);`,
		func(ctx context.Context, task *client.Task) (any, error) {
			for _, text := range []string{"begin\n", long, "", "end"} {
				if err := task.Output(ctx, text); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
		func(t *testing.T, s *service) {
			t.Helper()
			id := s.startTask(t, `{"type":"count","params":{"steps":1}}`)
			eventually(t, "the task ends", func() bool { return s.status(t, id).EndTime != nil })
			got := s.must(t, http.StatusOK, http.MethodGet, "/api/tasks/"+id+"/output", "")
			if want := "begin\n" + long + "end"; string(got.body) != want {
				t.Errorf("the output has %d bytes, want %d: %.60q…", len(got.body), len(want), got.body)
			}
		})
}

// A worker that is given a task anew prints behind what its last attempt has printed.
func TestSampleWorkerPrintsBehindAnAttemptBefore(t *testing.T) { // T20, T21
	t.Parallel()
	withEachClient(t, "", `task.output("second")`, `await task.output("second");`,
		func(ctx context.Context, task *client.Task) (any, error) { return nil, task.Output(ctx, "second") },
		func(t *testing.T, s *service) {
			t.Helper()
			c := s.startLeased(t, `{"type":"count","params":{"steps":1},"claim":true}`)
			s.must(t, http.StatusOK, http.MethodPost, "/api/tasks/"+c.TaskID+"/output?offset=0&lease="+c.Lease, "first, ", "Content-Type: text/plain")
			s.must(t, http.StatusOK, http.MethodPost, "/api/tasks/"+c.TaskID+"/release", `{"lease":"`+c.Lease+`"}`)
			eventually(t, "the task ends", func() bool { return s.status(t, c.TaskID).EndTime != nil })
			if got := s.must(t, http.StatusOK, http.MethodGet, "/api/tasks/"+c.TaskID+"/output", ""); string(got.body) != "first, second" {
				t.Errorf("the output is %q", got.body)
			}
		})
}

// A worker knows whether trying again is any use.
func TestSampleWorkerSaysWhetherToTryAgain(t *testing.T) { // T18
	t.Parallel()
	permanent, again := "no such file", "the disk is busy"
	withEachClient(t, ", retries: {attempts: 3, backoff: 10ms}",
		`raise (heliograph.Permanent("no such file") if steps == 1 else OSError("the disk is busy"))`,
		`throw steps === 1 ? new Permanent("no such file") : new Error("the disk is busy");`,
		func(_ context.Context, task *client.Task) (any, error) {
			if strings.Contains(string(task.Params), "1") {
				return nil, client.Permanent(errors.New(permanent))
			}
			return nil, errors.New(again)
		},
		func(t *testing.T, s *service) {
			t.Helper()
			for steps, want := range map[int]taskStatus{1: {Error: &permanent, Attempt: 1}, 2: {Error: &again, Attempt: 3}} {
				id := s.startTask(t, fmt.Sprintf(`{"type":"count","params":{"steps":%d}}`, steps))
				eventually(t, "the task has failed", func() bool { return s.status(t, id).Status == "failed" })
				if got := s.status(t, id); *got.Error != *want.Error || got.Attempt != want.Attempt {
					t.Errorf("with %d steps: %q after attempt %d, want %q after %d", steps, *got.Error, got.Attempt, *want.Error, want.Attempt)
				}
			}
		})
}
