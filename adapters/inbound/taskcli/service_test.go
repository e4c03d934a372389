package taskcli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"heliograph/adapters/inbound/taskcli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a"

// service is a transport that is a whole service with one task. It needs no
// socket, so that time can be a test's own.
type service struct {
	refusal string // what a start is answered with; "" takes it
	gone    bool   // nothing can be reached

	mu      sync.Mutex
	seq     int
	final   string         // the status' JSON once the task has ended
	stream  *io.PipeWriter // the open stream
	started []string       // the bodies of the starts
	cancels int
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch path := req.URL.Path; {
	case s.gone:
		return nil, errors.New("connection refused")
	case path == "/api/sse/stream":
		return s.open(req.Context()), nil
	case path == "/api/task-types":
		return answer(http.StatusOK, `{"task_types":[{"type":"t","params_schema":{"properties":{"steps":{"type":"integer"}}}}]}`), nil
	case path == "/api/tasks" && s.refusal != "":
		return answer(http.StatusBadRequest, `{"error":{"code":"`+s.refusal+`","message":"no \u001b[31m"}}`), nil
	case path == "/api/tasks":
		body, err := io.ReadAll(req.Body)
		s.started = append(s.started, string(body))
		return answer(http.StatusAccepted, `{"task_id":"`+id+`","status":"pending"}`), err
	case strings.HasSuffix(path, "/cancel"):
		s.cancels++
		return answer(http.StatusOK, `{"success":true,"message":"m"}`), nil
	default:
		return answer(http.StatusOK, s.final), nil
	}
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func (s *service) open(ctx context.Context) *http.Response {
	body, stream := io.Pipe()
	context.AfterFunc(ctx, func() { _ = stream.CloseWithError(ctx.Err()) })
	s.stream = stream
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body}
}

// sendEvent sends the task's next event, once the program waits for one.
func (s *service) sendEvent(t *testing.T, typ, data string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	s.seq++
	stream, seq := s.stream, s.seq
	s.mu.Unlock()
	s.write(t, stream, "task_event", fmt.Sprintf(`{"event_type":%q,"task_id":%q,"seq":%d,"attempt":1,"data":%s}`, typ, id, seq, data))
}

// send sends any event.
func (s *service) send(t *testing.T, name, data string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	stream := s.stream
	s.mu.Unlock()
	s.write(t, stream, name, data)
}

func (*service) write(t *testing.T, stream io.Writer, name, data string) {
	t.Helper()
	if _, err := fmt.Fprintf(stream, "event: %s\ndata: %s\n\n", name, data); err != nil {
		t.Errorf("the stream is closed: %v", err)
	}
	synctest.Wait()
}

func (s *service) progress(t *testing.T, text string, value float64) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"text": text, "value": value})
	if err != nil {
		t.Fatal(err)
	}
	s.sendEvent(t, "progress_update", string(data))
}

// end ends the task: status, and what is different in each.
func (s *service) end(t *testing.T, status, result, failure string) {
	t.Helper()
	s.mu.Lock()
	s.final = fmt.Sprintf(`{"task_id":%q,"type":"t","created_at":"2026-01-02T03:04:04Z","status":%q,"cancel_requested":false,"start_time":"2026-01-02T03:04:05Z",`+
		`"end_time":"2026-01-02T03:04:06.5Z","result":%s,"error":%s,"code":null,"progress":{"text":"","value":1},"seq":%d,"attempt":1,"labels":{},"run_at":null,"next_at":null,"node":null,"worker":null}`, id, status, result, failure, s.seq+1)
	s.mu.Unlock()
	s.sendEvent(t, "task_"+status, "null")
}

// call is one run of the program, in a bubble of its own time.
type call struct {
	service *service
	person  *io.PipeWriter // what is typed
	signals chan os.Signal
	status  chan int

	mu       sync.Mutex
	out, err bytes.Buffer
}

// locked writes to one of the call's buffers.
type locked struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// run starts the program. Call it in a bubble.
func run(t *testing.T, s *service, o taskcli.Options, interactive bool) *call {
	t.Helper()
	in, person := io.Pipe()
	c := &call{service: s, person: person, signals: make(chan os.Signal, 2), status: make(chan int, 1)}
	t.Cleanup(func() { _ = person.Close() })
	o.URL, o.Type = "http://service", "t"
	go func() {
		c.status <- taskcli.Run(t.Context(), o, taskcli.Terminal{
			In: in, Out: locked{&c.mu, &c.out}, Err: locked{&c.mu, &c.err},
			Interactive: interactive, Width: func() int { return 80 }, Interrupts: c.signals, Transport: s,
		})
	}()
	synctest.Wait()
	return c
}

// said returns what stands on standard error so far.
func (c *call) said() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err.String()
}

// ends requires an exit status and what is on standard output.
func (c *call) ends(t *testing.T, status int, out string) {
	t.Helper()
	got := <-c.status
	c.mu.Lock()
	defer c.mu.Unlock()
	if got != status || c.out.String() != out {
		t.Errorf("exit status %d, %q; want %d, %q\n%s", got, c.out.String(), status, out, c.err.String())
	}
}

func (c *call) runs(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case status := <-c.status:
		t.Errorf("it ended with %d: %s", status, c.said())
	default:
	}
}

func (c *call) types(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.person, line+"\n"); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}
