package apiclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/internal/apiclient"
	"heliograph/domain/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a"

// service is a transport that is a whole service: what it answers to the n-th
// stream request and to the n-th question for the status. The last of each
// repeats. It needs no socket, so that time can be a test's own.
type service struct {
	streams  []func(*http.Request) (*http.Response, error)
	statuses []func() (*http.Response, error)

	opened, asked int
	requests      []*http.Request
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	s.requests = append(s.requests, req)
	if strings.HasPrefix(req.URL.Path, "/api/sse/stream") {
		n := min(s.opened, len(s.streams)-1)
		s.opened++
		return s.streams[n](req)
	}
	n := min(s.asked, len(s.statuses)-1)
	s.asked++
	return s.statuses[n]()
}

func (s *service) client(t *testing.T) *apiclient.Client {
	t.Helper()
	c, err := apiclient.New("http://service/", "", s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func response(status int, contentType string, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(body),
	}
}

// says is a stream that says these things and ends.
func says(text ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return response(http.StatusOK, "text/event-stream", strings.NewReader(strings.Join(text, ""))), nil
	}
}

// hangs is a stream that says these things and then nothing more.
func hangs(text ...string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		quiet, end := io.Pipe()
		go func() {
			<-req.Context().Done()
			_ = end.CloseWithError(req.Context().Err())
		}()
		return response(http.StatusOK, "text/event-stream", io.MultiReader(strings.NewReader(strings.Join(text, "")), quiet)), nil
	}
}

func refuses(*http.Request) (*http.Response, error) {
	return response(http.StatusNotFound, "application/json", strings.NewReader(`{"error":{"code":"NOT_FOUND","message":"no"}}`)), nil
}

// answers is a status with this body.
func answers(status int, body string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		return response(status, "application/json", strings.NewReader(body)), nil
	}
}

// is the task's status.
func is(status task.Status, seq uint64, result string) func() (*http.Response, error) {
	return answers(http.StatusOK, fmt.Sprintf(`{"task_id":%q,"type":"t","status":%q,"result":%s,"error":null,"progress":{"text":"","value":0},"seq":%d,"attempt":1}`,
		id, status, result, seq))
}

func sse(eventID, name, data string) string {
	return fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", eventID, name, data)
}

func event(typ task.EventType, seq uint64, data string) string {
	return sse(fmt.Sprintf("e-%d", seq), "task_event",
		fmt.Sprintf(`{"event_type":%q,"task_id":%q,"timestamp":"2026-01-02T03:04:05Z","seq":%d,"attempt":1,"data":%s}`, typ, id, seq, data))
}

func snapshot(entries ...string) string {
	return sse("e-1", "task_snapshot", `{"tasks":[`+strings.Join(entries, ",")+`]}`)
}

func entry(seq uint64, text string) string {
	return fmt.Sprintf(`{"task_id":%q,"type":"t","status":"running","cancel_requested":false,"progress":{"text":%q,"value":0.5},"seq":%d,"attempt":1}`, id, text, seq)
}

func TestErrorMessages(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"code":"QUEUE_FULL","message":"the task queue is full"}}`: "the task queue is full (QUEUE_FULL)",
		`<html>busy</html>`: "the service answered 503 Service Unavailable",
	} {
		s := &service{statuses: []func() (*http.Response, error){answers(http.StatusServiceUnavailable, body)}}
		if _, err := s.client(t).Status(t.Context(), id); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestAnswerWithoutTheTaskIsUnreachable(t *testing.T) {
	for _, body := range []string{`{}`, `null`, `{"task_id":""}`} {
		client := (&service{statuses: []func() (*http.Response, error){answers(http.StatusOK, body)}}).client(t)
		if _, err := client.Start(t.Context(), apiclient.Start{Type: "t"}); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("Start, %s: %v", body, err)
		}
		if _, err := client.Status(t.Context(), id); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("Status, %s: %v", body, err)
		}
	}
}

func TestInvalidBaseURLsAreRefused(t *testing.T) {
	for _, bad := range []string{"", "localhost:8080", "ftp://x", "http://", "http://a b"} {
		if _, err := apiclient.New(bad, "", http.DefaultTransport); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestStartSendsParamsLabelsKeyAndToken(t *testing.T) { // T14, T16, A4
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if got := fmt.Sprint(r.Method, r.URL, r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), string(body)); got != `POST/api/tasksk1Bearer token-1{"type":"t","params":{"a":1},"labels":{"page":"exports"},"delay":1.5}` || err != nil {
			t.Errorf("got %s, %v", got, err)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"task_id":"`+id+`","status":"pending","stream_url":"/x"}`)
	}))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c, err := apiclient.New(server.URL+"/", "token-1", transport)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Start(t.Context(), apiclient.Start{Type: "t", Params: []byte(`{"a":1}`), Labels: task.Labels{"page": "exports"}, Delay: 1.5, Key: "k1"})
	if err != nil || got.ID != id || got.Type != "t" || got.Status != task.Pending {
		t.Errorf("%+v, %v", got, err)
	}
}
