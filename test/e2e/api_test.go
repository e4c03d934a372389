package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"heliograph/adapters/inbound/ginapi"
)

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// code is the error's code, or "".
func (a answer) code() string {
	var body struct{ Error struct{ Code string } }
	_ = json.Unmarshal(a.body, &body) // "" for what is no error
	return body.Error.Code
}

// into decodes the body.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("answer %d %.300s: %v", a.status, a.body, err)
	}
}

// call makes one request and holds the answer against the API's description.
// headers are "Name: value".
func (s *service) call(t *testing.T, method, target, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range slices.Concat(s.headers, headers) {
		if name, value, ok := strings.Cut(h, ": "); ok {
			req.Header.Set(name, value)
		}
	}
	got, err := send(s.client, req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	conform(t, req, got)
	return got
}

func send(client *http.Client, req *http.Request) (answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}

// must is call for an expected status.
func (s *service) must(t *testing.T, status int, method, target, body string, headers ...string) answer {
	t.Helper()
	got := s.call(t, method, target, body, headers...)
	if got.status != status {
		t.Fatalf("%s %s: %d %.300s, want %d", method, target, got.status, got.body, status)
	}
	return got
}

// startTask starts a task and returns its ID.
func (s *service) startTask(t *testing.T, body string) string {
	t.Helper()
	var started struct {
		TaskID string `json:"task_id"`
	}
	s.must(t, http.StatusAccepted, "POST", "/api/tasks", body).into(t, &started)
	return started.TaskID
}

// taskStatus is what the status endpoint says.
type taskStatus struct {
	TaskID          string `json:"task_id"`
	Type            string
	Status          string
	CancelRequested bool    `json:"cancel_requested"`
	StartTime       *string `json:"start_time"`
	EndTime         *string `json:"end_time"`
	Result          json.RawMessage
	Error           *string
	Progress        progress
	Seq             uint64
	Attempt         int
}

func (s *service) status(t *testing.T, id string) (status taskStatus) {
	t.Helper()
	s.must(t, http.StatusOK, "GET", "/api/tasks/"+id+"/status", "").into(t, &status)
	return status
}

// description is the API's, read once for all tests.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(ginapi.Spec())
})

// router finds what the API's description says of a request.
var router = sync.OnceValues(func() (routers.Router, error) {
	doc, err := description()
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc)
})

var upperSnake = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)

// conform fails unless the description allows the answer.
func conform(t *testing.T, req *http.Request, got answer) {
	t.Helper()
	if got.status >= http.StatusBadRequest && req.URL.Path != "/readyz" && !upperSnake.MatchString(got.code()) {
		t.Errorf("%s %s: %d %.300s has no error code", req.Method, req.URL.Path, got.status, got.body)
	}
	r, err := router()
	if err != nil {
		t.Fatalf("the API's description: %v", err)
	}
	route, params, err := r.FindRoute(req)
	if err != nil { // not described: there must be nothing
		if got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not described (%v), yet answers %d", req.Method, req.URL.Path, err, got.status)
		}
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 got.status, Header: got.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(req.Context(), input.SetBodyBytes(got.body)); err != nil {
		t.Errorf("%s %s answers %d %.300s, against its description: %v", req.Method, req.URL.Path, got.status, got.body, err)
	}
}
