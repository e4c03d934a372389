package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/test/sseclient"
)

// stream is a client's stream with the test's way to wait for things.
type stream struct {
	*sseclient.Stream

	client *sseclient.Client
}

// stream opens a stream for a request_id.
func (s *service) stream(t *testing.T, requestID string) *stream {
	t.Helper()
	return open(t, s.newClient(requestID))
}

// newClient returns one that has not connected yet. more goes into the query.
func (s *service) newClient(requestID string, more ...string) *sseclient.Client {
	c := sseclient.New("http://" + s.streamAddr + "/api/sse/stream?request_id=" + requestID + strings.Join(more, ""))
	for _, h := range s.headers {
		name, value, _ := strings.Cut(h, ": ")
		c.SetHeader(name, value)
	}
	return c
}

// streams opens n streams at once.
func (s *service) streams(t *testing.T, n int) []*stream {
	t.Helper()
	streams, errs := make([]*stream, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			streams[i], errs[i] = connect(t, s.newClient(fmt.Sprintf("tab-%d", i)))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return streams
}

// open opens a client's next stream.
func open(t *testing.T, c *sseclient.Client) *stream {
	t.Helper()
	s, err := connect(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// connect opens a stream that ends with the test at the latest, and must say
// nothing that no correct server says.
func connect(t *testing.T, c *sseclient.Client) (*stream, error) {
	s, err := c.Connect(t.Context())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("the stream violates the format: %s", v)
		}
	})
	return &stream{s, c}, nil
}

// await returns the first event, of all that came and will come, that matches.
func (s *stream) await(t *testing.T, what string, match func(sseclient.Event) bool) sseclient.Event {
	t.Helper()
	item := s.awaitItem(t, what, func(i sseclient.Item) bool { return i.Kind == sseclient.KindEvent && match(i.Event) })
	return item.Event
}

func (s *stream) awaitItem(t *testing.T, what string, match func(sseclient.Item) bool) sseclient.Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	item, err := s.Wait(ctx, match)
	if err != nil {
		t.Fatalf("waiting for %s: %v; the stream said %+v", what, err, s.Items())
	}
	return item
}

func (s *stream) awaitNamed(t *testing.T, name string) sseclient.Event {
	t.Helper()
	return s.await(t, "event "+name, func(e sseclient.Event) bool { return e.Name == name })
}

// awaitVersion waits for the first event with this version.
func (s *stream) awaitVersion(t *testing.T, name string) sseclient.Event {
	t.Helper()
	return s.await(t, "version "+name, func(e sseclient.Event) bool {
		return e.Name == "version" && decode[struct{ Version string }](t, e.Data).Version == name
	})
}

// versions returns the versions that the stream got, in order.
func (s *stream) versions(t *testing.T) (names []string) {
	t.Helper()
	for _, e := range s.Events() {
		if e.Name == "version" {
			names = append(names, decode[struct{ Version string }](t, e.Data).Version)
		}
	}
	return names
}

// progress is the data of a progress_update.
type progress struct {
	Text  string
	Value float64
}

// taskEvent is the payload of a task_event.
type taskEvent struct {
	Type      string `json:"event_type"`
	TaskID    string `json:"task_id"`
	Timestamp string
	Seq       uint64
	Attempt   int
	Data      json.RawMessage
	Truncated bool
}

// awaitTask waits for the first event of a type that a task has.
func (s *stream) awaitTask(t *testing.T, id, typ string) taskEvent {
	t.Helper()
	e := s.await(t, typ+" of "+id, func(e sseclient.Event) bool {
		if e.Name != "task_event" {
			return false
		}
		te := decode[taskEvent](t, e.Data)
		return te.TaskID == id && te.Type == typ
	})
	return decode[taskEvent](t, e.Data)
}

// taskEvents returns the events of one task so far.
func (s *stream) taskEvents(t *testing.T, id string) (events []taskEvent) {
	t.Helper()
	for _, e := range s.Events() {
		if e.Name != "task_event" {
			continue
		}
		if te := decode[taskEvent](t, e.Data); te.TaskID == id {
			events = append(events, te)
		}
	}
	return events
}

// names returns the names of the events so far.
func (s *stream) names() (names []string) {
	for _, e := range s.Events() {
		names = append(names, e.Name)
	}
	return names
}

func decode[T any](t *testing.T, data string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Errorf("payload %.300s: %v", data, err)
	}
	return v
}

// sameJSON reports whether two texts are the same JSON value.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	return cmp.Equal(decode[any](t, a), decode[any](t, b))
}
