package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/test/freeport"
)

// examples are copied before they are run: packages are installed beside them.
const examples = "../../docs/examples"

// jobs are a queue that has been there before, with the jobs of a sample.
type jobs struct {
	command func(args ...string) *exec.Cmd // the program with the jobs
	worker  []string                       // its arguments to run jobs
	enqueue func(params string) []string   // and to put one into the queue
}

// needed returns the path of a program; .ci/needs installs it.
func needed(t *testing.T, name, what string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
		t.Fatalf("%s is not installed, so nothing checks %s", name, what)
	}
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed, so nothing checks %s", name, what)
	}
	return path
}

// redis runs a Redis until the test's end, and returns its address.
func redis(t *testing.T) (addr, port string) {
	t.Helper()
	path := needed(t, "redis-server", "the adapters for queues")
	addr = freeport.Addr(t)
	port = addr[strings.LastIndex(addr, ":")+1:]
	cmd := exec.Command(path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	var said said
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "Redis is ready", func() bool { return strings.Contains(strings.Join(said.lines(), "\n"), "Ready to accept connections") })
	return addr, port
}

// inFolder makes commands that run in a folder.
func inFolder(dir, program string, args []string, env ...string) func(more ...string) *exec.Cmd {
	return func(more ...string) *exec.Cmd {
		cmd := exec.Command(program, append(append([]string(nil), args...), more...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), env...) //nolint:forbidigo // PATH and the like
		return cmd
	}
}

// must runs a command to its end, and returns what it says.
func mustRun(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, &errors)
	}
	return strings.TrimSpace(string(out))
}

// copyOfExamples copies the samples, and returns the folder of those of a queue.
func copyOfExamples(t *testing.T, queue string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "queues", queue)
}

// queues are those that there are samples for.
var queues = map[string]func(t *testing.T, url string) jobs{
	"asynq": func(t *testing.T, url string) jobs {
		t.Helper()
		addr, _ := redis(t)
		program := filepath.Join(t.TempDir(), "asynq")
		mustRun(t, inFolder(filepath.Join(examples, "queues/asynq"), "go", []string{"build", "-o", program, "."})())
		return jobs{
			command: inFolder(t.TempDir(), program, nil),
			worker:  []string{"worker", url, addr},
			enqueue: func(params string) []string { return []string{"enqueue", addr, params} },
		}
	},
	"bullmq": func(t *testing.T, url string) jobs {
		t.Helper()
		node := needed(t, "node", "the adapter for BullMQ")
		npm := needed(t, "npm", "the adapter for BullMQ")
		dir := copyOfExamples(t, "bullmq")
		mustRun(t, inFolder(dir, npm, []string{"install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"})())
		mustRun(t, inFolder(dir, node, []string{"node_modules/typescript/bin/tsc"})()) // whoever copies a sample has its types checked with their own
		_, port := redis(t)
		return jobs{
			command: inFolder(dir, node, []string{"main.mjs"}),
			worker:  []string{"worker", url, port},
			enqueue: func(params string) []string { return []string{"enqueue", port, params} },
		}
	},
	"celery": func(t *testing.T, url string) jobs {
		t.Helper()
		python := pythonWithCelery(t)
		addr, _ := redis(t)
		dir := copyOfExamples(t, "celery")
		enqueue := "import json, sys, jobs; print(jobs.import_rows.delay(**json.loads(sys.argv[1])).id)"
		return jobs{
			command: inFolder(dir, python, nil, "HELIOGRAPH_URL="+url, "REDIS_URL=redis://"+addr, "PYTHONPATH="+filepath.Join(dir, "../../workers")),
			worker:  []string{"-m", "celery", "-A", "jobs", "worker", "--pool", "solo", "--loglevel", "INFO"},
			enqueue: func(params string) []string { return []string{"-c", enqueue, params} },
		}
	},
}

// pythonWithCelery returns a Python that has Celery: Debian's package is for Debian's own.
func pythonWithCelery(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import celery, redis").Run() == nil {
			return python
		}
	}
	return needed(t, "celery", "the adapter for Celery")
}

// TestAJobOfAQueueShowsItsProgress runs a job that completes, one that fails until its queue
// gives it up, and one that is cancelled, each with a queue that has been there before.
func TestAJobOfAQueueShowsItsProgress(t *testing.T) { // T3, T7, T20
	t.Parallel()
	for name, set := range queues {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "TASKS_FILE="+filepath.Join(examples, "queues/tasks.yaml"), versionless)
			st := s.stream(t, "page")
			queue := set(t, s.url)
			worker := queue.command(queue.worker...)
			var said said
			worker.Stdout, worker.Stderr = &said, &said
			if err := worker.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = worker.Process.Kill()
				_ = worker.Wait()
				if t.Failed() {
					t.Logf("the worker said:\n%s", strings.Join(said.lines(), "\n"))
				}
			})

			job := mustRun(t, queue.command(queue.enqueue(`{"rows":5}`)...))
			done := s.taskOfJob(t, job, 1)[0]
			eventually(t, "the job has ended", func() bool { return s.status(t, done).Status == "completed" })
			if got := s.status(t, done); got.Type != "import" || !sameJSON(t, string(got.Result), `{"rows":5}`) || got.Progress.Value != 1 || got.Attempt != 1 {
				t.Errorf("the task is %+v", got)
			}
			st.awaitTask(t, done, "task_completed")
			events, _ := st.byTask(t)
			if checkOrder(t, done, events[done]); events[done][0].Type != "task_started" || len(events[done]) < 3 {
				t.Errorf("T3: the events are %+v", events[done])
			}

			job = mustRun(t, queue.command(queue.enqueue(`{"rows":2,"error":"no such file"}`)...))
			attempts := s.taskOfJob(t, job, 2)
			eventually(t, "both attempts have failed", func() bool {
				return s.status(t, attempts[0]).Status == "failed" && s.status(t, attempts[1]).Status == "failed"
			})
			for _, id := range attempts {
				if got := s.status(t, id); got.Error == nil || !strings.Contains(*got.Error, "no such file") || got.Attempt != 1 {
					t.Errorf("the task is %+v", got)
				}
			}

			job = mustRun(t, queue.command(queue.enqueue(`{"rows":100000}`)...))
			cancelled := s.taskOfJob(t, job, 1)[0]
			s.runs(t, cancelled)
			s.must(t, http.StatusOK, http.MethodPost, "/api/tasks/"+cancelled+"/cancel", "")
			eventually(t, "it is cancelled", func() bool { return s.status(t, cancelled).Status == "cancelled" })
			last := mustRun(t, queue.command(queue.enqueue(`{"rows":1}`)...)) // which is not held up by another attempt
			eventually(t, "the next job has ended", func() bool { return s.status(t, s.taskOfJob(t, last, 1)[0]).Status == "completed" })
			if n := len(s.tasksOfJob(t, job)); n != 1 {
				t.Errorf("the job that was cancelled has %d attempts", n)
			}
		})
	}
}

// tasksOfJob returns the tasks of a job, the newest first.
func (s *service) tasksOfJob(t *testing.T, job string) []string {
	t.Helper()
	ids, _ := s.taskIDs(t, "label=job:"+job)
	return ids
}

// taskOfJob waits until a job has as many tasks, and returns them.
func (s *service) taskOfJob(t *testing.T, job string, n int) (ids []string) {
	t.Helper()
	eventually(t, "the job has its tasks", func() bool {
		ids = s.tasksOfJob(t, job)
		return len(ids) == n
	})
	return ids
}
