package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/test/sseclient"
)

// A new user starts the service as "Getting started" says, opens a stream and
// starts a task (issue: "make run, one curl, and I see events").
func TestDefaultsShowATaskFromStartToEnd(t *testing.T) { // G1, G2, T1, T3, T4, T5, T11, T13, V1
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "FRONTEND_VERSION=1.4.0", "SHUTDOWN_GRACE_PERIOD=") // set to nothing: the default
		me, other := s.stream(t, "me"), s.stream(t, "other")
		me.mustBeginWithState(t)
		other.mustBeginWithState(t)

		var started struct {
			TaskID    string `json:"task_id"`
			Status    string
			StreamURL string `json:"stream_url"`
		}
		s.must(t, http.StatusAccepted, "POST", "/api/tasks",
			`{"type":"demo_task","params":{"steps":5,"delay":0.02,"message":"hello"}}`).into(t, &started)
		if want := "/api/sse/stream?request_id=" + started.TaskID; started.StreamURL != want || started.Status != "pending" || !uuid.MatchString(started.TaskID) {
			t.Errorf("T1: the start answered %+v", started)
		}

		end := me.awaitTask(t, started.TaskID, "task_completed")
		status := s.status(t, started.TaskID) // read on receipt: T11
		other.awaitTask(t, started.TaskID, "task_completed")

		mustBeWhole(t, me.taskEvents(t, started.TaskID))
		if diff := cmp.Diff(me.taskEvents(t, started.TaskID), other.taskEvents(t, started.TaskID)); diff != "" {
			t.Errorf("E7: the two streams differ: %s", diff)
		}
		if want := `{"message":"hello","steps_completed":5,"status":"success"}`; !sameJSON(t, string(end.Data), want) || !sameJSON(t, string(status.Result), want) {
			t.Errorf("result %s in the event, %s in the status; want %s", end.Data, status.Result, want)
		}
		if status.Status != "completed" || status.Progress != (progress{"Step 5/5", 1}) || status.Seq != end.Seq ||
			status.StartTime == nil || status.EndTime == nil || status.Error != nil || status.Attempt != 1 {
			t.Errorf("T11: status %+v", status)
		}
		s.inOrder(t, me.Events(), place{})
		s.inOrder(t, other.Events(), place{})
	})
}

// The README's first screen is true, word for word.
func TestReadmeMakesAnEventAppear(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	watch := regexp.MustCompile(`(?m)^curl -N 'http://localhost:8080(\S+)'$`).FindSubmatch(readme)
	act := regexp.MustCompile(`(?m)^curl -d '(\S+)' http://localhost:8080(\S+)$`).FindSubmatch(readme)
	if watch == nil || act == nil {
		t.Fatal("the README no longer has its two curls; this test needs to know the new ones")
	}
	s := start(t)
	st := open(t, sseclient.New(s.url+string(watch[1])))
	st.awaitNamed(t, "task_snapshot")
	if got := st.versions(t); len(got) != 0 {
		t.Errorf("V6: with no source configured the stream got %q", got)
	}
	var started struct {
		TaskID string `json:"task_id"`
	}
	s.must(t, http.StatusAccepted, "POST", string(act[2]), string(act[1]),
		"Content-Type: application/x-www-form-urlencoded").into(t, &started) // what curl -d says
	st.awaitTask(t, started.TaskID, "task_completed")
}

var (
	uuid    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	utcTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
)

// mustBeginWithState checks what every new stream begins with, and its headers.
func (s *stream) mustBeginWithState(t *testing.T) {
	t.Helper()
	if v := s.awaitNamed(t, "version"); !sameJSON(t, v.Data, `{"version":"1.4.0"}`) {
		t.Errorf("V1: version %s", v.Data)
	}
	if snapshot := s.awaitNamed(t, "task_snapshot"); !sameJSON(t, snapshot.Data, `{"tasks":[]}`) {
		t.Errorf("T13: snapshot %s", snapshot.Data)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", "Content-Encoding": "",
	} {
		if got := s.Header.Get(name); got != want {
			t.Errorf("G7: header %s is %q, want %q", name, got, want)
		}
	}
}

// mustBeWhole checks all events of one task of five steps.
func mustBeWhole(t *testing.T, events []taskEvent) {
	t.Helper()
	if len(events) < 3 || events[0].Type != "task_started" || events[0].Seq != 1 || string(events[0].Data) != "null" {
		t.Fatalf("T3: events %+v", events)
	}
	said := map[string]float64{"Starting test task": 0}
	for i := 1; i <= 5; i++ {
		said[fmt.Sprintf("Step %d/5", i)] = float64(i) / 5
	}
	last := progress{Value: -1}
	for i, e := range events {
		if i > 0 && e.Seq <= events[i-1].Seq || e.Attempt != 1 || !utcTime.MatchString(e.Timestamp) {
			t.Errorf("T3: event %d is %+v", i, e)
		}
		if e.Type != "progress_update" {
			continue
		}
		p := decode[progress](t, string(e.Data))
		if want, known := said[p.Text]; !known || p.Value != want || p.Value < last.Value {
			t.Errorf("T4: progress %+v after %+v", p, last)
		}
		last = p
	}
	if last.Value != 1 {
		t.Errorf("T4: the last progress is %+v, want 1.0", last)
	}
	for _, e := range events[:len(events)-1] {
		if e.Type == "task_completed" {
			t.Error("T11: the terminal event is not the last")
		}
	}
}
