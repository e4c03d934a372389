package sseclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/test/sseclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// streams answers every request with a stream that begins with text, and ends
// when more is closed.
func streams(t *testing.T, text string, more <-chan struct{}) (url string, requests <-chan *http.Request) {
	t.Helper()
	seen := make(chan *http.Request, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

func connect(t *testing.T, c *sseclient.Client) *sseclient.Stream {
	t.Helper()
	s, err := c.Connect(t.Context())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

func named(name string) func(sseclient.Item) bool {
	return func(i sseclient.Item) bool { return i.Event.Name == name }
}

func TestClientResumesFromWhereItsLastStreamEnded(t *testing.T) {
	t.Parallel()
	url, requests := streams(t, "id: e-1\nevent: a\ndata: 1\n\n", nil)
	client := sseclient.New(url)
	first := connect(t, client)
	if _, err := first.Wait(t.Context(), named("a")); err != nil {
		t.Fatal(err)
	}
	first.Close()
	connect(t, client)
	var ids []string
	for range 2 {
		ids = append(ids, (<-requests).Header.Get("Last-Event-ID"))
	}
	if diff := cmp.Diff([]string{"", "e-1"}, ids); diff != "" {
		t.Errorf("Last-Event-ID of the two requests: -want +got\n%s", diff)
	}
}

func TestStreamTellsACleanEnd(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	url, _ := streams(t, ": hello\n\nevent: a\ndata: 1\n\n", more)
	s := connect(t, sseclient.New(url))
	close(more)
	if _, err := s.Wait(t.Context(), named("never")); !errors.Is(err, io.EOF) {
		t.Errorf("waiting beyond the end: %v, want io.EOF", err)
	}
	<-s.Done()
	if diff := cmp.Diff([]sseclient.Event{{Name: "a", Data: "1"}}, s.Events()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(s.Items()) != 2 || len(s.Violations()) != 0 || !s.EndedCleanly() {
		t.Errorf("items %+v, violations %q, end %v", s.Items(), s.Violations(), s.Err())
	}
}

func TestStreamWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	url, _ := streams(t, "", nil)
	s := connect(t, sseclient.New(url))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Wait(ctx, named("never")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestClientReportsWhatIsNoStream(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "full", http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	_, err := sseclient.New(server.URL).Connect(t.Context())
	var status *sseclient.StatusError
	if !errors.As(err, &status) || status.Status != http.StatusServiceUnavailable || status.Body != "full\n" {
		t.Errorf("got %v, want a StatusError with 503", err)
	}
}
