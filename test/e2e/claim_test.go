package e2e_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// leased is the answer to a start that claims.
type leased struct {
	TaskID       string  `json:"task_id"`
	Status       string  `json:"status"`
	StreamURL    string  `json:"stream_url"`
	Lease        string  `json:"lease"`
	LeaseSeconds float64 `json:"lease_seconds"`
}

func (s *service) startLeased(t *testing.T, body string, headers ...string) (got leased) {
	t.Helper()
	s.must(t, http.StatusAccepted, "POST", "/api/tasks", body, headers...).into(t, &got)
	return got
}

// A job in a queue that is there already shows its progress, gives its task back and takes
// it up again, through whichever node it reaches.
func TestAJobOfAnotherQueueRunsItsOwnTask(t *testing.T) { // T3, T14, T20
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start(workersFile(t, "20s"))
		first, second := n.first.scoped(t, "ann", allScopes), n.second.scoped(t, "ann", allScopes)
		stream := second.stream(t, "page")
		const job, key = `{"type":"count","params":{"steps":2},"labels":{"job":"4711"},"claim":true}`, "Idempotency-Key: job-4711"
		c := first.startLeased(t, job, key)
		if c.Status != "running" || c.Lease == "" || c.LeaseSeconds != 20 || !strings.Contains(c.StreamURL, c.TaskID) {
			t.Fatalf("started is %+v", c)
		}
		if again := second.startLeased(t, job, key); again != c {
			t.Errorf("T14: asked again it is %+v, want %+v", again, c)
		}
		worker := claimed{TaskID: c.TaskID, Lease: c.Lease}
		if got := second.say(t, worker, "progress", `,"value":0.5`); got.status != http.StatusOK {
			t.Errorf("a report: %d %s", got.status, got.body)
		}
		if got := second.say(t, worker, "release", ""); got.status != http.StatusOK {
			t.Errorf("release: %d %s", got.status, got.body)
		}
		if got := first.say(t, worker, "complete", ""); got.status != http.StatusConflict || got.code() != "LEASE_LOST" {
			t.Errorf("with the lease that was given back: %d %s", got.status, got.body)
		}
		if again := first.startLeased(t, job, key); again.Lease != "" || again.TaskID != c.TaskID {
			t.Errorf("what was given back is leased to its starter: %+v", again)
		}
		next := first.claim(t)
		if next.TaskID != c.TaskID || next.Attempt != 1 || next.Lease == c.Lease || next.Labels["job"] != "4711" {
			t.Errorf("claimed is %+v", next)
		}
		if got := second.say(t, next, "complete", `,"result":7`); got.status != http.StatusOK {
			t.Errorf("complete: %d %s", got.status, got.body)
		}
		stream.awaitTask(t, c.TaskID, "task_completed")
		byTask, _ := stream.byTask(t)
		events := byTask[c.TaskID]
		checkOrder(t, c.TaskID, events)
		var types []string
		for _, e := range events {
			if types = append(types, e.Type); e.Attempt != 1 {
				t.Errorf("T20: %s is of attempt %d", e.Type, e.Attempt)
			}
		}
		if got := strings.Join(types, " "); got != "task_started progress_update task_queued task_started task_completed" {
			t.Errorf("T3: the events are %s", got)
		}
		if got := first.status(t, c.TaskID); got.Status != "completed" || got.Progress.Value != 0.5 || string(got.Result) != "7" {
			t.Errorf("the status is %+v", got)
		}
	})
}

func TestAStartThatClaimsIsRefused(t *testing.T) { // A8, T20
	t.Parallel()
	s := start(t, secured(workersFile(t, "20s"))...)
	const job = `{"type":"count","claim":true}`
	for scopes, missing := range map[string]string{"tasks:read tasks:start": "tasks:work", "tasks:read tasks:work": "tasks:start"} {
		got := s.scoped(t, "ann", scopes).refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/tasks", job)
		if !strings.Contains(string(got.body), `"scope":"`+missing+`"`) {
			t.Errorf("with %s: %s", scopes, got.body)
		}
	}
	ann := s.scoped(t, "ann", allScopes)
	ann.refused(t, http.StatusBadRequest, "TASK_TYPE_NOT_CLAIMABLE", "POST", "/api/tasks", `{"type":"demo_task","claim":true}`)
	ann.refused(t, http.StatusBadRequest, "UNKNOWN_TASK_TYPE", "POST", "/api/tasks", `{"type":"none","claim":true}`)
	ann.refused(t, http.StatusBadRequest, "INVALID_PARAMS", "POST", "/api/tasks", `{"type":"count","params":{"steps":0},"claim":true}`)
	if n := ann.taskCount(t); n != 0 {
		t.Errorf("%d tasks were started", n)
	}
	c := ann.startLeased(t, job, "Idempotency-Key: k")
	if bob := s.scoped(t, "bob", allScopes).startLeased(t, job, "Idempotency-Key: k"); bob.TaskID == c.TaskID || bob.Lease == c.Lease {
		t.Errorf("T14: another subject was given %+v of %+v", bob, c)
	}
}

// The three calls of docs/workers.md do what it says.
func TestTheThreeCallsOfTheWorkersPage(t *testing.T) { // T20
	t.Parallel()
	for _, name := range []string{"bash", "curl"} {
		program(t, name)
	}
	s := start(t, "TASKS_FILE="+filepath.Join(samples, "tasks.yaml"), versionless)
	out, err := shell(t, t.TempDir(), documentedIn(t, "../../docs/workers.md", "claim", s.addr)).CombinedOutput()
	ids, _ := s.taskIDs(t, "label=job:4711")
	if err != nil || len(ids) != 1 || !strings.Contains(string(out), `"lease_seconds":30`) {
		t.Fatalf("%v: %d tasks\n%s", err, len(ids), out)
	}
	if got := s.status(t, ids[0]); got.Status != "completed" || got.Progress.Value != 0.5 || string(got.Result) != `{"rows":12}` {
		t.Errorf("the task is %+v\n%s", got, out)
	}
}
