package ginapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestListQueryReachesTheReader(t *testing.T) {
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

func TestInvalidListQueriesAreRefused(t *testing.T) { // S3
	for query, word := range map[string]string{
		"limit=0": "limit", "limit=201": "limit", "limit=-1": "limit", "limit=ten": "limit", "limit=1e2": "limit",
		"include=results": "include", "include=error": "include",
		"limit=99999999999999999999": "limit", "status=done": "status", "status=RUNNING": "status", "a=1;b=2": "malformed",
	} {
		a := newService(t, ginapi.Config{}).ask(t, http.MethodGet, "/api/tasks?"+query, "")
		a.wantError(t, http.StatusBadRequest, "INVALID_QUERY")
		if !strings.Contains(a.body, word) {
			t.Errorf("%s: %s does not say what is wrong", query, a.body)
		}
	}
}

func TestListPageHasTasksAndNextCursor(t *testing.T) {
	s := newService(t, ginapi.Config{})
	failed := task.Task{ID: "11111111-2222-4333-8444-555555555555", Type: "failing_task", Status: task.Failed, Error: "Test error"}
	listed([]task.Task{failed, pending(knownID)}, "next", nil)(s)
	s.ask(t, http.MethodGet, "/api/tasks", "").wantJSON(t, http.StatusOK, `{"tasks":[`+
		`{"task_id":"11111111-2222-4333-8444-555555555555","type":"failing_task","created_at":"0001-01-01T00:00:00Z","status":"failed","cancel_requested":false,"start_time":null,`+
		`"end_time":null,"result":null,"error":"Test error","code":"TASK_FAILED","progress":{"text":"","value":0},"seq":0,"attempt":0,"labels":{},"run_at":null,"next_at":null,"node":null,"worker":null},`+
		`{"task_id":"`+knownID+`","type":"demo_task","created_at":"0001-01-01T00:00:00Z","status":"pending","cancel_requested":false,"start_time":null,`+
		`"end_time":null,"result":null,"error":null,"code":null,"progress":{"text":"","value":0},"seq":0,"attempt":1,"labels":{},"run_at":null,"next_at":null,"node":null,"worker":null}],"next_cursor":"next"}`)
}

func TestListHasResultsIfAskedFor(t *testing.T) { // G4
	done := task.Task{ID: knownID, Type: "t", Status: task.Completed, Result: json.RawMessage(`{"rows":3}`)}
	for query, want := range map[string]string{
		"":                `"result":null,"truncated":true`,
		"?include=":       `"result":null,"truncated":true`,
		"?include=result": `"result":{"rows":3},"error"`,
	} {
		s := newService(t, ginapi.Config{})
		listed([]task.Task{done}, "", nil)(s)
		if a := s.ask(t, http.MethodGet, "/api/tasks"+query, ""); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s, want %s", query, a.body, want)
		}
	}
}

func TestListCountsWhatMatchesIfAskedFor(t *testing.T) { // W2
	s := newService(t, ginapi.Config{})
	s.reader.EXPECT().List(gomock.Any(), task.Query{Type: "t", Status: task.Failed, Limit: 1}).Return([]task.Task{}, "more", nil)
	first := []task.Task{{Status: task.Failed}, {Status: task.Running}, {Status: task.Failed}}
	s.reader.EXPECT().List(gomock.Any(), task.Query{Type: "t", Limit: 1000}).Return(first, "next", nil)
	s.reader.EXPECT().List(gomock.Any(), task.Query{Type: "t", Limit: 1000, Cursor: "next"}).Return([]task.Task{{Status: task.Pending}, {Status: task.Completed}, {Status: task.Cancelled}}, "", nil)
	s.ask(t, http.MethodGet, "/api/tasks?type=t&status=failed&limit=1&include=counts", "").wantJSON(t, http.StatusOK,
		`{"tasks":[],"next_cursor":"more","counts":{"pending":1,"running":1,"completed":1,"failed":2,"cancelled":1}}`)
}

func TestListStopsCountingSomewhere(t *testing.T) { // W2
	s := newService(t, ginapi.Config{})
	s.reader.EXPECT().List(gomock.Any(), task.Query{Limit: 50}).Return([]task.Task{}, "", nil)
	full := make([]task.Task, 1000)
	for i := range full {
		full[i].Status = task.Pending
	}
	s.reader.EXPECT().List(gomock.Any(), gomock.Any()).Times(100).Return(full, "next", nil)
	s.ask(t, http.MethodGet, "/api/tasks?include=counts", "").wantJSON(t, http.StatusOK,
		`{"tasks":[],"next_cursor":null,"counts":{"pending":100000,"running":0,"completed":0,"failed":0,"cancelled":0,"more":true}}`)
}

// pages has the list say what a store with these tasks does: the cursor is the
// number of the next one.
func pages(s *service, all []task.Task) {
	s.reader.EXPECT().List(gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(func(_ context.Context, q task.Query) ([]task.Task, string, error) {
		from, _ := strconv.Atoi(q.Cursor)
		to, next := min(from+q.Limit, len(all)), ""
		if to < len(all) {
			next = strconv.Itoa(to)
		}
		return all[from:to], next, nil
	})
}

// Limits that meet: the bytes of a page, and the size of what is on it.
func TestLargePageEndsEarlyAndTheNextContinues(t *testing.T) { // G4
	for name, c := range map[string]struct{ tasks, result, text int }{
		"small tasks":                  {120, 10, 10},
		"results as large as events":   {40, 64 << 10, 10},
		"results larger than a page":   {5, 300 << 10, 10},
		"long texts of running tasks":  {100, 0, 8 << 10},
		"exactly as much as fits once": {2, 128<<10 - 1000, 10},
	} {
		t.Run(name, func(t *testing.T) {
			all := make([]task.Task, c.tasks)
			for i := range all {
				all[i] = task.Task{ID: task.ID(uuid.NewString()), Type: "t", Status: task.Running, Progress: task.Progress{Text: strings.Repeat("x", c.text)}}
				if c.result > 0 {
					all[i].Status, all[i].Result = task.Completed, json.RawMessage(`"`+strings.Repeat("x", c.result)+`"`)
				}
			}
			s := newService(t, ginapi.Config{})
			pages(s, all)
			got := 0
			for cursor := ""; ; {
				a := s.ask(t, http.MethodGet, "/api/tasks?include=result&limit=100&cursor="+cursor, "")
				var page struct {
					Tasks []struct {
						TaskID task.ID `json:"task_id"`
					}
					NextCursor *string `json:"next_cursor"`
				}
				if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Tasks) == 0 {
					t.Fatalf("%d %.200s", a.status, a.body)
				}
				if len(a.body) > 257<<10 && len(page.Tasks) > 1 {
					t.Errorf("a page of %d tasks has %d bytes", len(page.Tasks), len(a.body))
				}
				for _, listed := range page.Tasks {
					if listed.TaskID != all[got].ID {
						t.Fatalf("task %d is another", got)
					}
					got++
				}
				if page.NextCursor == nil {
					break
				}
				cursor = *page.NextCursor
			}
			if got != len(all) {
				t.Errorf("%d tasks were listed, want %d", got, len(all))
			}
		})
	}
}

// Limits that meet: large answers, and clients that do not read them.
func TestLargeAnswersAreBoundedTogether(t *testing.T) { // G4
	s := newService(t, ginapi.Config{})
	const large, fit = 16 << 20, 15
	huge := task.Task{ID: knownID, Type: "t", Status: task.Completed, Result: json.RawMessage(`"` + strings.Repeat("x", large-2) + `"`)}
	s.reader.EXPECT().Get(gomock.Any(), gomock.Any()).AnyTimes().Return(huge, nil)
	server := httptest.NewServer(s.engine)
	var stuck []net.Conn
	t.Cleanup(func() {
		for _, c := range stuck {
			_ = c.Close()
		}
		server.Close()
	})
	began := make(chan struct{})
	for range fit {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		stuck = append(stuck, conn)
		go func() {
			_, _ = io.WriteString(conn, "GET /api/tasks/"+knownID+" HTTP/1.1\r\nHost: x\r\n\r\n")
			_, _ = io.ReadFull(conn, make([]byte, 1)) // the answer has begun
			began <- struct{}{}
		}()
	}
	for range fit {
		<-began
	}
	a := s.ask(t, http.MethodGet, "/api/tasks/"+knownID, "")
	a.wantError(t, http.StatusServiceUnavailable, "BUSY")
	if a.header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	s.versions.EXPECT().Current(gomock.Any()).Return(mustVersion(t, `{"version":"1"}`), nil)
	if a := s.ask(t, http.MethodGet, "/api/version", ""); a.status != http.StatusOK {
		t.Errorf("a small answer: %d %s", a.status, a.body)
	}
}

// What a completed task returns is said to those who ask: others get what they always got.
func TestTaskTypesHaveTheSchemasOfTheirResultsIfAsked(t *testing.T) { // B13
	s := newService(t, ginapi.Config{})
	s.reader.EXPECT().Types(gomock.Any()).Return([]task.Type{{Name: "count", ResultSchema: json.RawMessage(`{"type":"integer"}`)}, {Name: "plain"}}, nil).Times(2)
	s.ask(t, http.MethodGet, "/api/task-types", "").wantJSON(t, http.StatusOK,
		`{"task_types":[{"type":"count","description":"","params_schema":null},{"type":"plain","description":"","params_schema":null}]}`)
	s.ask(t, http.MethodGet, "/api/task-types?include=result_schema", "").wantJSON(t, http.StatusOK,
		`{"task_types":[{"type":"count","description":"","params_schema":null,"result_schema":{"type":"integer"}},{"type":"plain","description":"","params_schema":null}]}`)
}

func TestTaskTypes(t *testing.T) {
	s := newService(t, ginapi.Config{})
	s.reader.EXPECT().Types(gomock.Any()).Return([]task.Type{
		{Name: "demo_task", Description: "Counts.", ParamsSchema: json.RawMessage(`{"type":"object"}`)},
		{Name: "plain"},
	}, nil)
	s.ask(t, http.MethodGet, "/api/task-types", "").wantJSON(t, http.StatusOK, `{"task_types":[`+
		`{"type":"demo_task","description":"Counts.","params_schema":{"type":"object"}},{"type":"plain","description":"","params_schema":null}]}`)
}
