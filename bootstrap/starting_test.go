package bootstrap_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/bootstrap"
	"heliograph/test/freeport"
)

// begin wires and runs a service whose start may take long. It is at url from the
// beginning; ended gets what it ended with.
func begin(ctx context.Context, t *testing.T, environ map[string]string, release <-chan struct{}) (url string, started <-chan net.Addr, ended <-chan error) {
	t.Helper()
	environ["HTTP_ADDR"] = fmt.Sprintf("127.0.0.1:%d", freeport.Port(t))
	cfg := load(t, environ)
	addr, end := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		app, err := bootstrap.New(ctx, cfg, silent, bootstrap.ReadsLogUntil(func(ctx context.Context) error {
			if _, limited := ctx.Deadline(); limited {
				t.Error("reading the log back has a time limit")
			}
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}))
		if err == nil {
			err = app.Run(ctx, func(a net.Addr) { addr <- a })
		}
		end <- err
	}()
	return "http://" + environ["HTTP_ADDR"], addr, end
}

// says waits for /readyz to be 503 and to say something.
func says(t *testing.T, url, what string) {
	t.Helper()
	eventually(t, "/readyz says "+what, func() bool {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		var body strings.Builder
		_ = resp.Write(&body)
		return resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(body.String(), what)
	})
}

func TestAStartThatTakesLongSaysWhatItWaitsFor(t *testing.T) { // 28, H7
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	release := make(chan struct{})
	url, started, ended := begin(ctx, t, durable(t), release)
	says(t, url, "waits for the log to be read: event 0 was read, the newest is 0")
	if status, body := get(t, url+"/healthz"); status != http.StatusOK || body != `{"status":"ok"}`+"\n" {
		t.Errorf("liveness: %d %s", status, body)
	}
	answered := make(chan int)
	go func() {
		status, _ := ask(t, http.MethodPost, url+"/api/versions", `{"version":"1"}`)
		answered <- status
	}()
	select {
	case status := <-answered:
		t.Errorf("during the start a request was answered with %d", status)
	case <-started:
		t.Error("it has started")
	default:
	}
	close(release)
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("the request that waited: %d", status)
	}
	<-started
	if status, body := get(t, url+"/readyz"); status != http.StatusOK {
		t.Errorf("after the start: %d %s", status, body)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnInterruptedStartEndsInOrder(t *testing.T) { // T15
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	environ := durable(t)
	url, _, ended := begin(ctx, t, environ, nil)
	says(t, url, "waits for the log")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	start(t, environ).end(t) // the address and the folder are free
}

func TestRequestsDoNotWaitForAStartForEver(t *testing.T) { // G8
	synctest.Test(t, func(t *testing.T) {
		s := bootstrap.NewStarting()
		for path, want := range map[string]struct {
			status     int
			kind, says string
		}{
			"/api/tasks":      {http.StatusServiceUnavailable, "application/json; charset=utf-8", `"BROKER_UNAVAILABLE"`},
			"/api/sse/stream": {http.StatusOK, "text/event-stream", "retry: 1000\n\n"},
		} {
			begin := time.Now()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
			if w.Code != want.status || w.Header().Get("Content-Type") != want.kind || !strings.Contains(w.Body.String(), want.says) {
				t.Errorf("%s: %d %v %s, want %+v", path, w.Code, w.Header(), w.Body, want)
			}
			if took := time.Since(begin); took != 10*time.Second {
				t.Errorf("%s: after %s", path, took)
			}
		}
	})
}

func TestTheNumberOfRequestsThatWaitForAStartIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bootstrap.NewStarting()
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan int, 1001)
		for range 1001 {
			go func() {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/tasks", http.NoBody))
				answered <- w.Code
			}()
		}
		synctest.Wait()
		if len(answered) != 1 || <-answered != http.StatusServiceUnavailable {
			t.Errorf("of 1001 requests %d were answered at once, want one", len(answered)+1)
		}
		cancel()
		for range 1000 {
			<-answered
		}
	})
}
