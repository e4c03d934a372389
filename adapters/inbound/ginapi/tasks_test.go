package ginapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestStartAnswersWithTheStreamURL(t *testing.T) { // T1
	s := newService(t, ginapi.Config{})
	s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: "demo_task", Params: json.RawMessage(`{"steps": 5}`)}).Return(pending(knownID), nil)
	s.ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","params": {"steps": 5} ,"note":"ignored"}`).
		wantJSON(t, http.StatusAccepted, `{"task_id":"`+knownID+`","status":"pending","stream_url":"/api/sse/stream?request_id=`+knownID+`"}`)
}

func TestStartWithoutParams(t *testing.T) { // T1
	for _, body := range []string{`{"type":"demo_task"}`, `{"type":"demo_task","params":null}`} {
		s := newService(t, ginapi.Config{})
		s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: "demo_task"}).Return(pending(knownID), nil)
		if a := s.ask(t, http.MethodPost, "/api/tasks", body); a.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestIdempotencyKeyReachesTheService(t *testing.T) { // T14
	s := newService(t, ginapi.Config{})
	key := strings.Repeat("k", 255)
	first := task.Task{ID: knownID, Type: "demo_task", Status: task.Completed}
	s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: "demo_task", Key: key}).Return(first, nil)
	a := s.ask(t, http.MethodPost, "/api/tasks", goodTask, "Idempotency-Key", key)
	if a.status != http.StatusAccepted || !strings.Contains(a.body, `"status":"completed"`) {
		t.Errorf("got %d %s, want the first task as it is now", a.status, a.body)
	}
}

func TestRefusedStartHasRetryAfter(t *testing.T) { // T1, T15
	for _, err := range []error{task.ErrQueueFull, task.ErrShuttingDown} {
		s := newService(t, ginapi.Config{})
		started(task.Task{}, err)(s)
		if a := s.ask(t, http.MethodPost, "/api/tasks", goodTask); a.header.Get("Retry-After") == "" {
			t.Errorf("%v: no Retry-After in %v", err, a.header)
		}
	}
}

func TestTaskStatus(t *testing.T) { // T7, T9: what the API shows of each state
	elsewhere := time.FixedZone("", 3600)
	begun := time.Date(2026, 1, 2, 4, 4, 5, 0, elsewhere)
	for _, tc := range []struct {
		name string
		task task.Task
		want string
	}{
		{
			"pending",
			task.Task{ID: knownID, Type: "demo_task", Status: task.Pending},
			`{"task_id":"` + knownID + `","type":"demo_task","created_at":"0001-01-01T00:00:00Z","status":"pending","cancel_requested":false,` +
				`"start_time":null,"end_time":null,"result":null,"error":null,"code":null,"progress":{"text":"","value":0},"seq":0,"attempt":0,"labels":{},"run_at":null,"next_at":null,"node":null,"worker":null}`,
		},
		{
			"running, asked to stop",
			task.Task{
				ID: knownID, Type: "demo_task", Status: task.Running, CancelRequested: true, Started: begun,
				Progress: task.Progress{Text: "Step 1/2", Value: .5}, Seq: 3, Attempt: 2,
			},
			`{"task_id":"` + knownID + `","type":"demo_task","created_at":"0001-01-01T00:00:00Z","status":"running","cancel_requested":true,` +
				`"start_time":"2026-01-02T03:04:05Z","end_time":null,"result":null,"error":null,"code":null,"progress":{"text":"Step 1/2","value":0.5},"seq":3,"attempt":2,"labels":{},"run_at":null,"next_at":null,"node":null,"worker":null}`,
		},
		{
			"completed",
			task.Task{
				ID: knownID, Type: "demo_task", Status: task.Completed, Started: begun, Ended: begun.Add(time.Second),
				Result: json.RawMessage(`{"rows":12345678901234567890}`), Progress: task.Progress{Value: 1}, Seq: 4, Attempt: 1,
			},
			`{"task_id":"` + knownID + `","type":"demo_task","created_at":"0001-01-01T00:00:00Z","status":"completed","cancel_requested":false,` +
				`"start_time":"2026-01-02T03:04:05Z","end_time":"2026-01-02T03:04:06Z","result":{"rows":12345678901234567890},` +
				`"error":null,"code":null,"progress":{"text":"","value":1},"seq":4,"attempt":1,"labels":{},"run_at":null,"next_at":null,"node":null,"worker":null}`,
		},
		{
			"failed",
			task.Task{
				ID: knownID, Type: "demo_task", Status: task.Failed, Created: begun.Add(-time.Second), Started: begun, Ended: begun, Seq: 2, Attempt: 1,
				Error: "Test error", ErrorCode: "NO_DISK", RunsOn: "app-1", Worker: "resizer",
			},
			`{"task_id":"` + knownID + `","type":"demo_task","created_at":"2026-01-02T03:04:04Z","status":"failed","cancel_requested":false,` +
				`"start_time":"2026-01-02T03:04:05Z","end_time":"2026-01-02T03:04:05Z","result":null,` +
				`"error":"Test error","code":"NO_DISK","progress":{"text":"","value":0},"seq":2,"attempt":1,"labels":{},"run_at":null,"next_at":null,"node":"app-1","worker":"resizer"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, path := range []string{"/api/tasks/" + knownID, "/api/tasks/" + knownID + "/status"} {
				s := newService(t, ginapi.Config{})
				got(tc.task, nil)(s)
				s.ask(t, http.MethodGet, path, "").wantJSON(t, http.StatusOK, tc.want)
			}
		})
	}
}

func TestStatusAndListHaveTheParamsIfAskedFor(t *testing.T) {
	with, without, hidden := pending(knownID), pending(knownID), pending(knownID)
	with.Params = json.RawMessage(`{"folder":"<a>"}`)
	hidden.ParamsHidden = true
	for _, c := range []struct {
		task  task.Task
		query string
		want  string
	}{
		{with, "", `"worker":null}`},
		{with, "?include=", `"worker":null}`},
		{with, "?include=params", `"worker":null,"params":{"folder":"<a>"}}`},
		{without, "?include=params", `"worker":null,"params":null}`},
		{hidden, "?include=params", `"worker":null}`},
	} {
		for _, path := range []string{"/api/tasks/" + knownID, "/api/tasks/" + knownID + "/status", "/api/tasks"} {
			s := newService(t, ginapi.Config{})
			s.reader.EXPECT().Get(gomock.Any(), gomock.Any()).Return(c.task, nil).AnyTimes()
			s.reader.EXPECT().List(gomock.Any(), gomock.Any()).Return([]task.Task{c.task}, "", nil).AnyTimes()
			if a := s.ask(t, http.MethodGet, path+c.query, ""); a.status != http.StatusOK || !strings.Contains(a.body, c.want) {
				t.Errorf("%s%s: %d %s, want %s", path, c.query, a.status, a.body, c.want)
			}
		}
	}
	s := newService(t, ginapi.Config{})
	done := task.Task{ID: knownID, Type: "t", Status: task.Completed, Result: json.RawMessage(`1`), Params: json.RawMessage(`{}`)}
	listed([]task.Task{done}, "", nil)(s)
	if a := s.ask(t, http.MethodGet, "/api/tasks?include=params,result", ""); !strings.Contains(a.body, `"result":1,`) || !strings.Contains(a.body, `"params":{}`) {
		t.Errorf("both: %s", a.body)
	}
	for _, path := range []string{"/api/tasks/" + knownID + "?include=result", "/api/tasks?include=params,lease"} {
		newService(t, ginapi.Config{}).ask(t, http.MethodGet, path, "").wantError(t, http.StatusBadRequest, "INVALID_QUERY")
	}
}

func TestParamsBesideManyIDsStayWithinAPage(t *testing.T) { // T17, G4
	s := newService(t, ginapi.Config{})
	large := json.RawMessage(`{"x":"` + strings.Repeat("x", 200<<10) + `"}`)
	all := []task.Task{pending(knownID), pending("11111111-2222-4333-8444-555555555555")}
	for i := range all {
		all[i].Params = large
	}
	listed(all, "", nil)(s)
	a := s.ask(t, http.MethodGet, "/api/tasks?include=params&ids="+string(all[0].ID)+","+string(all[1].ID), "")
	if n := strings.Count(a.body, `"params":`); n != 1 || strings.Count(a.body, `"task_id"`) != 2 {
		t.Errorf("%d tasks have params in %d bytes", n, len(a.body))
	}
}

func TestCancelSaysWhetherTheTaskHasEnded(t *testing.T) { // T7
	for status, message := range map[task.Status]string{
		task.Cancelled: "the task is cancelled",
		task.Running:   "the task was asked to stop",
	} {
		s := newService(t, ginapi.Config{})
		cancelled(task.Task{ID: knownID, Status: status}, nil)(s)
		s.ask(t, http.MethodPost, "/api/tasks/"+knownID+"/cancel", "").
			wantJSON(t, http.StatusOK, `{"success":true,"message":"`+message+`"}`)
	}
}

func TestFinishedTaskIsRemoved(t *testing.T) { // T9
	s := newService(t, ginapi.Config{})
	removed(nil)(s)
	s.ask(t, http.MethodDelete, "/api/tasks/"+knownID, "").
		wantJSON(t, http.StatusOK, `{"success":true,"message":"the task is removed"}`)
}

func TestTaskIDMayBeInUpperCase(t *testing.T) {
	s := newService(t, ginapi.Config{})
	got(pending(knownID), nil)(s)
	if a := s.ask(t, http.MethodGet, "/api/tasks/"+strings.ToUpper(knownID), ""); a.status != http.StatusOK {
		t.Errorf("got %d %s", a.status, a.body)
	}
}
