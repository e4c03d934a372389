package ginapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestLabelsOfAStartReachTheService(t *testing.T) { // T16
	for body, want := range map[string]task.Labels{
		`{"type":"demo_task"}`:                                                nil,
		`{"type":"demo_task","labels":null}`:                                  nil,
		`{"type":"demo_task","labels":{}}`:                                    {},
		`{"type":"demo_task","labels":{"page":"exports","a/b.c_d-E":"é 😀:"}}`: {"page": "exports", "a/b.c_d-E": "é 😀:"},
	} {
		s := newService(t, ginapi.Config{})
		s.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, r task.Request) (task.Task, error) {
			if diff := cmp.Diff(want, r.Labels); diff != "" {
				t.Errorf("%s (-want +got):\n%s", body, diff)
			}
			return pending(knownID), nil
		})
		if a := s.ask(t, http.MethodPost, "/api/tasks", body); a.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestLabelsThatAreNoTextsAreRefusedByName(t *testing.T) { // T16
	for labels, word := range map[string]string{
		`"page"`: "object", `["page"]`: "object", `7`: "object", `{"page":7}`: `\"page\"`, `{"a":"b","order":null}`: `\"order\"`,
		`{"page":{"a":"b"}}`: `\"page\"`,
	} {
		a := newService(t, ginapi.Config{}).ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","labels":`+labels+`}`)
		a.wantError(t, http.StatusBadRequest, "INVALID_LABELS")
		if !strings.Contains(a.body, word) {
			t.Errorf("%s: %s does not say %s", labels, a.body, word)
		}
	}
}

func TestStatusAndListHaveLabels(t *testing.T) { // T16
	labelled := pending(knownID)
	labelled.Labels = task.Labels{"page": "<exports>", "order": "4711"}
	const want = `"labels":{"order":"4711","page":"<exports>"}`
	s := newService(t, ginapi.Config{})
	got(labelled, nil)(s)
	listed([]task.Task{labelled}, "", nil)(s)
	for _, path := range []string{"/api/tasks/" + knownID + "/status", "/api/tasks"} {
		if a := s.ask(t, http.MethodGet, path, ""); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s, want %s", path, a.body, want)
		}
	}
}

func TestFiltersReachTheServiceAndTheReader(t *testing.T) { // T16, T17
	const other = "11111111-2222-4333-8444-555555555555"
	for query, want := range map[string]task.Query{
		"label=page:exports":                       {Labels: []task.Label{{Key: "page", Value: "exports"}}},
		"label=a:b:c&label=d:&label=":              {Labels: []task.Label{{Key: "a", Value: "b:c"}, {Key: "d"}}},
		"label=a%2Fb:%C3%A9+x&status=running":      {Labels: []task.Label{{Key: "a/b", Value: "é x"}}, Status: task.Running},
		"ids=" + knownID:                           {IDs: []task.ID{knownID}},
		"ids=" + strings.ToUpper(knownID):          {IDs: []task.ID{knownID}},
		"ids=" + other + "," + knownID + "&type=x": {IDs: []task.ID{other, knownID}, Type: "x"},
		"ids=" + other + "%2C" + knownID:           {IDs: []task.ID{other, knownID}},
	} {
		s := newService(t, ginapi.Config{})
		s.tasks.EXPECT().CancelAll(gomock.Any(), want).Return(7, nil)
		s.ask(t, http.MethodPost, "/api/tasks/cancel?"+query, "").wantJSON(t, http.StatusOK, `{"cancelled":7}`)
		want.Limit = 50
		s.reader.EXPECT().List(gomock.Any(), want).Return(nil, "", nil)
		s.ask(t, http.MethodGet, "/api/tasks?"+query, "").wantJSON(t, http.StatusOK, `{"tasks":[],"next_cursor":null}`)
	}
}

func TestFiltersThatMakeNoSenseAreRefused(t *testing.T) { // T16, T17
	many := func(n int) string { return strings.Repeat(","+knownID, n)[1:] }
	for query, word := range map[string]string{
		"label=page": "key:value", "label=:x": "1 to 63", "label=a%20b:x": "a b", "label=a:%00": `\"a\"`,
		"label=" + strings.Repeat("k", 64) + ":x": "1 to 63", "label=a:" + strings.Repeat("x", 257): "257",
		strings.Repeat("&label=a:b", 17)[1:]: "17",
		"ids=x":                              "UUID", "ids=,": "UUID", "ids=" + knownID + ",": "UUID", "ids={" + knownID + "}": "UUID",
		"ids=" + many(101): "101", "ids=" + many(60) + "&ids=" + many(60): "120", "status=done": "status", "a=1;b=2": "malformed",
	} {
		for method, path := range map[string]string{http.MethodGet: "/api/tasks?", http.MethodPost: "/api/tasks/cancel?"} {
			a := newService(t, ginapi.Config{}).ask(t, method, path+query, "")
			a.wantError(t, http.StatusBadRequest, "INVALID_QUERY")
			if !strings.Contains(a.body, word) {
				t.Errorf("%s: %s does not say what is wrong", query, a.body)
			}
		}
	}
	a := newService(t, ginapi.Config{}).ask(t, http.MethodGet, "/api/tasks?cursor=abc&ids="+knownID, "")
	a.wantError(t, http.StatusBadRequest, "INVALID_QUERY")
}

func TestCancellingEverythingIsRefused(t *testing.T) { // T17
	for query, code := range map[string]string{
		"": "FILTER_REQUIRED", "?": "FILTER_REQUIRED", "?status=&type=&label=&ids=": "FILTER_REQUIRED", "?limit=3": "FILTER_REQUIRED",
		"?lable=page:exports": "FILTER_REQUIRED", "?type=a&lable=page:exports": "INVALID_QUERY", "?type=a&limit=3": "INVALID_QUERY",
		"?type=a&cursor=": "INVALID_QUERY",
	} {
		newService(t, ginapi.Config{}).ask(t, http.MethodPost, "/api/tasks/cancel"+query, "").wantError(t, http.StatusBadRequest, code)
	}
}

// Limits that meet: the bytes of a page, and that all IDs are answered at once.
func TestEveryIDIsAnsweredInOneRequest(t *testing.T) { // T17, G4
	page := make([]task.Task, 100)
	ids := make([]string, len(page))
	for i := range page {
		page[i] = pending(task.ID(knownID[:34] + string([]byte{"0123456789"[i/10], "0123456789"[i%10]})))
		page[i].Result, ids[i] = json.RawMessage(`"`+strings.Repeat("x", 60<<10)+`"`), string(page[i].ID)
		page[i].Labels = task.Labels{"a": strings.Repeat("😀", 256)}
		page[i].Progress.Text = strings.Repeat("x", 8<<10)
	}
	s := newService(t, ginapi.Config{})
	listed(page, "", nil)(s)
	a := s.ask(t, http.MethodGet, "/api/tasks?include=result&ids="+strings.Join(ids, ","), "")
	var answer struct {
		Tasks []struct {
			ID        task.ID         `json:"task_id"`
			Result    json.RawMessage `json:"result"`
			Truncated bool            `json:"truncated"`
		} `json:"tasks"`
		Next *string `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || len(answer.Tasks) != len(page) || answer.Next != nil {
		t.Fatalf("%d %.200s: %d tasks", a.status, a.body, len(answer.Tasks))
	}
	whole := 0
	for i, got := range answer.Tasks {
		if got.ID != page[i].ID || got.Truncated != (string(got.Result) == "null") {
			t.Errorf("task %d is %s, truncated: %t, with %d bytes", i, got.ID, got.Truncated, len(got.Result))
		}
		if !got.Truncated {
			whole++
		}
	}
	if whole != 3 { // of 60 KiB and 9 KiB beside them, in 256 KiB
		t.Errorf("%d tasks have their results", whole)
	}
}
