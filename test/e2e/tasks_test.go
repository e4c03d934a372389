package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFullQueueRefuses(t *testing.T) { // T1
	t.Parallel()
	s := start(t, "TASK_MAX_WORKERS=1", "TASK_QUEUE_SIZE=1", "SHUTDOWN_GRACE_PERIOD=2s")
	st := s.stream(t, "me")
	st.awaitTask(t, s.startTask(t, chatty), "task_started")
	s.startTask(t, chatty)
	got := s.must(t, http.StatusServiceUnavailable, "POST", "/api/tasks", chatty)
	if got.code() != "QUEUE_FULL" || got.header.Get("Retry-After") == "" {
		t.Errorf("T1: %v %s", got.header, got.body)
	}
}

func TestTaskCanBeCancelledAndRemoved(t *testing.T) { // T7, T9, T11, T14
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "TASK_MAX_WORKERS=1")
		st := s.stream(t, "me")
		const key = "Idempotency-Key: k1"
		var first, same struct {
			TaskID string `json:"task_id"`
		}
		s.must(t, http.StatusAccepted, "POST", "/api/tasks", chatty, key).into(t, &first)
		s.must(t, http.StatusAccepted, "POST", "/api/tasks", chatty, key).into(t, &same)
		if first != same {
			t.Errorf("T14: the key started %s and %s", first.TaskID, same.TaskID)
		}
		running, pending := first.TaskID, s.startTask(t, quickTask)
		st.awaitTask(t, running, "task_started")
		if got := s.must(t, http.StatusNotFound, "DELETE", "/api/tasks/"+running, ""); got.code() != "TASK_NOT_FINISHED" {
			t.Errorf("T9: %s", got.body)
		}
		for _, id := range []string{pending, running} {
			s.must(t, http.StatusOK, "POST", "/api/tasks/"+id+"/cancel", "")
			st.awaitTask(t, id, "task_cancelled")
			if got := s.status(t, id); got.Status != "cancelled" || !got.CancelRequested && id == running {
				t.Errorf("T7, T11: %+v", got)
			}
			if got := s.must(t, http.StatusNotFound, "POST", "/api/tasks/"+id+"/cancel", ""); got.code() != "TASK_NOT_CANCELLABLE" {
				t.Errorf("T7: %s", got.body)
			}
			s.must(t, http.StatusOK, "DELETE", "/api/tasks/"+id, "")
			s.must(t, http.StatusNotFound, "GET", "/api/tasks/"+id+"/status", "")
		}
		for _, e := range st.taskEvents(t, pending) {
			if e.Type == "task_started" || e.Type == "progress_update" {
				t.Errorf("T7: a task that never ran has the event %+v", e)
			}
		}
	})
}

func TestFailuresSayWhy(t *testing.T) { // T5, T8
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "TASK_TIMEOUT=200ms")
		st := s.stream(t, "me")
		for body, want := range map[string]string{
			`{"type":"failing_task","params":{"error_message":"no disk","delay":0.01}}`: "no disk",
			chatty: "200ms",
		} {
			id := s.startTask(t, body)
			said := decode[struct{ Error string }](t, string(st.awaitTask(t, id, "task_failed").Data)).Error
			if got := s.status(t, id); !strings.Contains(said, want) || got.Status != "failed" || got.Error == nil || *got.Error != said {
				t.Errorf("T5, T8: %s: the event says %q, the status %+v", body, said, got)
			}
		}
	})
}

func TestTestingRoutes(t *testing.T) { // http-api, APP_ENV=testing
	t.Parallel()
	s := start(t, "APP_ENV=testing")
	st := s.stream(t, "me")
	for typ, params := range map[string]string{
		"demo_task": `{"delay":0.01}`, "failing_task": `{"delay":0.01}`, "long_running_task": `{"total_time":0.05,"check_interval":0.01}`,
	} {
		var started struct {
			TaskID string `json:"task_id"`
			Status string
		}
		body := fmt.Sprintf(`{"task_type":%q,"params":%s}`, typ, params)
		s.must(t, http.StatusOK, "POST", "/api/testing/tasks/start", body).into(t, &started)
		if st.awaitTask(t, started.TaskID, "task_started"); started.Status != "pending" {
			t.Errorf("%s: %+v", typ, started)
		}
	}
	got := s.must(t, http.StatusAccepted, "POST", "/api/testing/deployments/version", `{"request_id":"me","version":"9"}`)
	if !sameJSON(t, string(got.body), `{"requestId":"me","request_id":"me","delivered":true,"status":"delivered"}`) {
		t.Errorf("deployment: %s", got.body)
	}
	st.awaitVersion(t, "9")
	if got := s.must(t, http.StatusBadRequest, "POST", "/api/testing/tasks/start", `{"task_type":"other"}`); got.code() != "UNKNOWN_TASK_TYPE" {
		t.Errorf("another type: %s", got.body)
	}
	if got := s.must(t, http.StatusBadRequest, "POST", "/api/testing/deployments/version", `{"version":"9"}`); got.code() != "INVALID_REQUEST_ID" {
		t.Errorf("no request_id: %s", got.body)
	}
}

func TestTaskTypesAreListedWithTheirParams(t *testing.T) {
	t.Parallel()
	s := start(t)
	var list struct {
		TaskTypes []struct {
			Type, Description string
			ParamsSchema      map[string]any `json:"params_schema"`
		} `json:"task_types"`
	}
	s.must(t, http.StatusOK, "GET", "/api/task-types", "").into(t, &list)
	if len(list.TaskTypes) != 3 || list.TaskTypes[0].ParamsSchema["type"] != "object" {
		t.Errorf("%+v", list)
	}
	if yaml := s.must(t, http.StatusOK, "GET", "/api/openapi.yaml", ""); !strings.HasPrefix(string(yaml.body), "openapi: 3.2") {
		t.Errorf("description begins with %.100s", yaml.body)
	}
}

func TestTasksAreListedInPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	var want, got []string
	for range 5 {
		want = append([]string{s.startTask(t, quickTask)}, want...)
	}
	for cursor := ""; len(got) < 10; {
		var page struct {
			Tasks []taskStatus
			Next  *string `json:"next_cursor"`
		}
		s.must(t, http.StatusOK, "GET", "/api/tasks?limit=2&type=demo_task&cursor="+url.QueryEscape(cursor), "").into(t, &page)
		for _, task := range page.Tasks {
			got = append(got, task.TaskID)
		}
		if page.Next == nil || *page.Next == "" {
			break
		}
		cursor = *page.Next
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("newest first: -want +got\n%s", diff)
	}
}
