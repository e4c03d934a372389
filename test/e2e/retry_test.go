package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/domain/task"
	"heliograph/test/sseclient"
)

// retrying is a file of task types that are tried again.
const retrying = `
tasks:
  third_time: {command: [/bin/sh, -c, 'test "$HELIOGRAPH_ATTEMPT" = 3'], retries: {attempts: 3, backoff: 100ms, max_backoff: 150ms}}
  useless: {command: [/bin/sh, -c, 'echo "no such list"; exit 65'], retries: {attempts: 3, backoff: 1ms}}
  patient: {command: ["/bin/false"], retries: {attempts: 2, backoff: 1h}}
  elsewhere: {worker: {lease: 20s}, retries: {attempts: 2, backoff: 1ms}}
`

func retryingFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(path, []byte(retrying), 0o600); err != nil {
		t.Fatal(err)
	}
	return "TASKS_FILE=" + path
}

// timesOf is what the status, or a snapshot, says of a task that waits.
type timesOf struct {
	TaskID  string `json:"task_id"`
	Status  string
	Error   *string
	Attempt int
	RunAt   time.Time `json:"run_at"`
	NextAt  time.Time `json:"next_at"`
}

func (s *service) times(t *testing.T, id string) (got timesOf) {
	t.Helper()
	s.must(t, http.StatusOK, "GET", "/api/tasks/"+id, "").into(t, &got)
	return got
}

// claimElsewhere claims a task of the type for workers.
func (s *service) claimElsewhere(t *testing.T) (c claimed) {
	t.Helper()
	s.must(t, http.StatusOK, "POST", "/api/workers/claim", `{"types":["elsewhere"],"wait":20}`).into(t, &c)
	return c
}

// inSnapshot returns what a new stream is told of a task when it connects.
func (s *service) inSnapshot(t *testing.T, id string) timesOf {
	t.Helper()
	st := s.stream(t, "late")
	ev := st.await(t, "the snapshot", func(e sseclient.Event) bool { return e.Name == "task_snapshot" })
	tasks := decode[struct{ Tasks []timesOf }](t, ev.Data).Tasks
	i := slices.IndexFunc(tasks, func(entry timesOf) bool { return entry.TaskID == id })
	if i < 0 {
		t.Fatalf("the snapshot leaves %s out: %s", id, ev.Data)
	}
	return tasks[i]
}

func TestFailedTasksAreTriedAgain(t *testing.T) { // T18, T3
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start(retryingFile(t))
		first, second := n.first.scoped(t, "ann", allScopes), n.second.scoped(t, "ann", allScopes)
		stream := second.stream(t, "page")

		id := first.startTask(t, `{"type":"third_time"}`)
		stream.awaitTask(t, id, "task_completed")
		events := stream.taskEvents(t, id)
		checkOrder(t, id, events)
		attempt, waits := 0, time.Time{}
		for _, e := range events {
			switch at, _ := time.Parse(time.RFC3339Nano, e.Timestamp); e.Type {
			case "task_started":
				if attempt++; e.Attempt != attempt || at.Before(waits) {
					t.Errorf("attempt %d began at %s, not before %s: %+v", attempt, at, waits, e)
				}
			case "task_retrying":
				said := decode[task.Retrying](t, string(e.Data))
				if waits = said.NextAt; said.Error == "" || said.Code != task.CodeFailed || said.Attempt != attempt+1 || e.Attempt != attempt || waits.Sub(at) < 100*time.Millisecond {
					t.Errorf("between the attempts: %+v with %s", e, e.Data)
				}
			}
		}
		if attempt != 3 {
			t.Errorf("there were %d attempts: %+v", attempt, events)
		}

		id = second.startTask(t, `{"type":"useless"}`)
		stream.awaitTask(t, id, "task_failed")
		if got := first.status(t, id); got.Attempt != 1 || got.Error == nil || !strings.Contains(*got.Error, "no such list") {
			t.Errorf("what is no use was tried again: %+v", got)
		}

		id = first.startTask(t, `{"type":"patient"}`)
		said := decode[task.Retrying](t, string(stream.awaitTask(t, id, "task_retrying").Data))
		for _, got := range []timesOf{second.times(t, id), first.inSnapshot(t, id)} {
			if got.Status != "pending" || got.Attempt != 2 || !got.NextAt.Equal(said.NextAt) || !got.RunAt.IsZero() {
				t.Errorf("while it waits it is %+v, want next_at %s", got, said.NextAt)
			}
		}
		if got := second.times(t, id); got.Error == nil || *got.Error != said.Error {
			t.Errorf("the status has the error %v", got.Error)
		}
		second.must(t, http.StatusOK, "POST", "/api/tasks/"+id+"/cancel", "")
		stream.awaitTask(t, id, "task_cancelled")

		first.startTask(t, `{"type":"elsewhere"}`)
		c := second.claimElsewhere(t)
		if got := first.say(t, c, "fail", `,"error":"no luck"`); got.status != http.StatusOK {
			t.Errorf("fail: %d %s", got.status, got.body)
		}
		again := first.claimElsewhere(t)
		if again.TaskID != c.TaskID || again.Attempt != 2 || again.Lease == c.Lease {
			t.Errorf("after %+v came %+v", c, again)
		}
		if got := second.say(t, again, "fail", `,"error":"no luck again","retry":false`); got.status != http.StatusOK {
			t.Errorf("fail: %d %s", got.status, got.body)
		}
		stream.awaitTask(t, c.TaskID, "task_failed")
	})
}

func TestTasksRunAtTheirTime(t *testing.T) { // T19, T14
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start("TASK_SCHEDULED_MAX=2", "TASK_QUEUE_SIZE=1")
		first, second := n.first.scoped(t, "ann", allScopes), n.second.scoped(t, "ann", allScopes)
		stream := second.stream(t, "page")
		at := time.Now().Add(time.Hour).UTC()
		const key = "Idempotency-Key: later"
		body := `{"type":"demo_task","run_at":"` + at.Format(time.RFC3339Nano) + `"}`
		later := first.startAnswer(t, body, key).TaskID
		for _, got := range []timesOf{second.times(t, later), first.inSnapshot(t, later)} {
			if got.Status != "pending" || !got.RunAt.Equal(at) || !got.NextAt.Equal(at) || got.Attempt != 1 {
				t.Errorf("while it waits it is %+v", got)
			}
		}

		began := time.Now()
		soon := second.startTask(t, `{"type":"demo_task","params":{"delay":0},"delay":0.4}`)
		eventually(t, "both are known on both nodes", func() bool {
			got := first.call(t, "POST", "/api/tasks", `{"type":"demo_task","delay":60}`)
			return got.status == http.StatusServiceUnavailable && got.code() == "QUEUE_FULL" && got.header.Get("Retry-After") != ""
		})
		if again := first.startAnswer(t, body, key).TaskID; again != later {
			t.Errorf("the key of %s gives %s", later, again)
		}
		stream.awaitTask(t, soon, "task_completed")
		if waited := time.Since(began); waited < 400*time.Millisecond {
			t.Errorf("it was completed after %s", waited)
		}
		if got := first.times(t, soon); got.RunAt.Before(began.Add(300*time.Millisecond)) || !got.NextAt.IsZero() {
			t.Errorf("in the end it is %+v", got)
		}

		var list struct{ Tasks []timesOf }
		second.must(t, http.StatusOK, "GET", "/api/tasks?status=pending", "").into(t, &list)
		if !slices.ContainsFunc(list.Tasks, func(entry timesOf) bool { return entry.TaskID == later && entry.RunAt.Equal(at) }) {
			t.Errorf("the list of pending tasks is %+v", list.Tasks)
		}
		second.must(t, http.StatusOK, "POST", "/api/tasks/"+later+"/cancel", "")
		stream.awaitTask(t, later, "task_cancelled")
		for _, e := range stream.taskEvents(t, later) {
			if e.Type == "task_started" {
				t.Errorf("it ran: %+v", e)
			}
		}
	})
}

func TestAKilledServiceRemembersWhatIsToRun(t *testing.T) { // T18, T19
	t.Parallel()
	s := start(t, "DATA_DIR="+t.TempDir(), retryingFile(t))
	st := s.stream(t, "page")
	soon, later := s.startTask(t, `{"type":"demo_task","params":{"delay":0},"delay":3}`), s.startTask(t, `{"type":"demo_task","delay":3600}`)
	patient := s.startTask(t, `{"type":"patient"}`)
	st.awaitTask(t, patient, "task_retrying")
	before := map[string]timesOf{later: s.times(t, later), patient: s.times(t, patient)}
	s.kill(t)
	s.again(t)
	for id, want := range before {
		if got := s.times(t, id); got.Status != "pending" || !got.RunAt.Equal(want.RunAt) || !got.NextAt.Equal(want.NextAt) || got.Attempt != want.Attempt {
			t.Errorf("after it was killed %+v is %+v", want, got)
		}
	}
	eventually(t, "what was to run soon has", func() bool { return s.status(t, soon).Status == "completed" }) // on a slow machine before it was killed
}
