package ginapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestTheListAsksForWhatTheQuerySays(t *testing.T) {
	for query, want := range map[string]task.Query{
		"":                           {Limit: 50},
		"?status=&type=&limit=":      {Limit: 50},
		"?limit=1":                   {Limit: 1},
		"?limit=200&unknown=x":       {Limit: 200},
		"?status=running&type=a%20b": {Limit: 50, Status: task.Running, Type: "a b"},
		"?cursor=abc%3D":             {Limit: 50, Cursor: "abc="},
	} {
		s := newService(t, ginapi.Config{})
		s.reader.EXPECT().List(gomock.Any(), want).Return(nil, "", nil)
		s.ask(t, http.MethodGet, "/api/tasks"+query, "").wantJSON(t, http.StatusOK, `{"tasks":[],"next_cursor":null}`)
	}
}

func TestTheListRefusesWhatIsNoQuery(t *testing.T) { // S3
	for query, word := range map[string]string{
		"limit=0": "limit", "limit=201": "limit", "limit=-1": "limit", "limit=ten": "limit", "limit=1e2": "limit",
		"limit=99999999999999999999": "limit", "status=done": "status", "status=RUNNING": "status", "a=1;b=2": "malformed",
	} {
		a := newService(t, ginapi.Config{}).ask(t, http.MethodGet, "/api/tasks?"+query, "")
		a.wantError(t, http.StatusBadRequest, "INVALID_QUERY")
		if !strings.Contains(a.body, word) {
			t.Errorf("%s: %s does not say what is wrong", query, a.body)
		}
	}
}

func TestAPageHasTasksAndTheCursorOfTheNext(t *testing.T) {
	s := newService(t, ginapi.Config{})
	failed := task.Task{ID: "11111111-2222-4333-8444-555555555555", Type: "failing_task", Status: task.Failed, Error: "Test error"}
	listed([]task.Task{failed, pending(knownID)}, "next", nil)(s)
	s.ask(t, http.MethodGet, "/api/tasks", "").wantJSON(t, http.StatusOK, `{"tasks":[`+
		`{"task_id":"11111111-2222-4333-8444-555555555555","type":"failing_task","status":"failed","cancel_requested":false,"start_time":null,`+
		`"end_time":null,"result":null,"error":"Test error","progress":{"text":"","value":0},"seq":0,"attempt":0},`+
		`{"task_id":"`+knownID+`","type":"demo_task","status":"pending","cancel_requested":false,"start_time":null,`+
		`"end_time":null,"result":null,"error":null,"progress":{"text":"","value":0},"seq":0,"attempt":1}],"next_cursor":"next"}`)
}

func TestTheTaskTypes(t *testing.T) {
	s := newService(t, ginapi.Config{})
	s.reader.EXPECT().Types().Return([]task.Type{
		{Name: "demo_task", Description: "Counts.", ParamsSchema: json.RawMessage(`{"type":"object"}`)},
		{Name: "plain"},
	})
	s.ask(t, http.MethodGet, "/api/task-types", "").wantJSON(t, http.StatusOK, `{"task_types":[`+
		`{"type":"demo_task","description":"Counts.","params_schema":{"type":"object"}},{"type":"plain","description":"","params_schema":null}]}`)
}
