package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heliograph/test/chaos/check"
	"heliograph/test/freeport"
	"heliograph/test/programs"
)

// service is one node of the real binary, always at the same address.
type service struct {
	url     string
	program string
	env     []string
	client  *http.Client
	headers http.Header
	cmd     *exec.Cmd
	log     *lastLines
	exited  chan struct{}
}

// newService starts a node that lives until the test's end.
func newService(t *testing.T, env ...string) *service {
	t.Helper()
	addr := freeport.Addr(t)
	s := &service{
		url: "http://" + addr, program: programs.Plain(t, programs.Heliograph), log: new(lastLines), headers: http.Header{},
		client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second},
		env: slices.Concat([]string{
			"HTTP_ADDR=" + addr, "NODE_NAME=n-" + strings.ReplaceAll(addr, ":", "-"), "LOG_FORMAT=json", "SHUTDOWN_GRACE_PERIOD=2s", "SSE_DRAIN_SPREAD=300ms",
			"SSE_PING_INTERVAL=1s", "SSE_HEARTBEAT_INTERVAL=1s", "FRONTEND_VERSION=1",
		}, env),
	}
	t.Cleanup(func() {
		s.kill()
		s.client.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the log's end:\n%s", s.log)
		}
	})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs the node, with these variables changed, and returns when it is ready.
func (s *service) start(ctx context.Context, changes ...string) error {
	s.cmd = exec.Command(s.program, "serve")
	s.env = append(s.env, changes...)
	s.cmd.Env, s.cmd.Stderr = s.env, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(exited)
	}(s.cmd)
	return until(ctx, waitLimit, func(ctx context.Context) error {
		select {
		case <-exited:
			return fmt.Errorf("the service ended: %s", s.log)
		default:
		}
		_, err := s.ask(ctx, "GET", "/readyz", nil, nil)
		return err
	})
}

func (s *service) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// terminate ends it in order, as a deploy does.
func (s *service) terminate() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.exited
}

// ask makes a request with a body of JSON, or of text, and decodes the answer into result unless
// that is nil. It returns the status, which is an error above 299.
func (s *service) ask(ctx context.Context, method, path string, body, result any) (status int, err error) {
	var content io.Reader
	if text, isText := body.(string); isText {
		content = strings.NewReader(text)
	} else if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, content)
	if err != nil {
		return 0, err
	}
	req.Header = s.headers.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode > 299 {
		err = fmt.Errorf("%s %s: %d %.200s", method, path, res.StatusCode, data)
	}
	if err == nil && result != nil {
		err = json.Unmarshal(data, result)
	}
	return res.StatusCode, err
}

// startTask starts a task and returns its ID.
func (s *service) startTask(ctx context.Context, typ string, params map[string]any) (string, error) {
	var started struct {
		ID string `json:"task_id"`
	}
	_, err := s.ask(ctx, "POST", "/api/tasks", map[string]any{"type": typ, "params": params}, &started)
	return started.ID, err
}

// tasks returns all tasks that the service knows, whole.
func (s *service) tasks(ctx context.Context) (check.Service, error) {
	all, cursor := check.Service{}, ""
	for {
		var list struct {
			Tasks []check.Task
			Next  string `json:"next_cursor"`
		}
		if _, err := s.ask(ctx, "GET", "/api/tasks?limit=200"+cursor, nil, &list); err != nil {
			return nil, err
		}
		for _, t := range list.Tasks {
			if _, err := s.ask(ctx, "GET", "/api/tasks/"+t.ID+"/status", nil, &t); err != nil {
				return nil, err
			}
			all[t.ID] = t
		}
		if list.Next == "" {
			return all, nil
		}
		cursor = "&cursor=" + list.Next
	}
}

// script returns a script of the client library that the binary has.
func (s *service) script(ctx context.Context, name string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/client/"+name, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	return io.ReadAll(res.Body)
}

// streams returns how many streams the service has.
func (s *service) streams(ctx context.Context) (n float64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header = s.headers.Clone()
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	_, after, found := strings.Cut(string(data), "\nsse_gateway_active_connections ")
	if err != nil || !found {
		return 0, fmt.Errorf("the number of streams is not to be had: %w", err)
	}
	_, err = fmt.Sscan(after, &n)
	return n, err
}

// until calls try until it returns no error, at most for limit.
func until(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // not of the step that the limit broke off
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain: %w", limit, last)
		}
	}
}

// lastLines keeps the end of what is written.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-8000):]
	return len(p), nil
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
