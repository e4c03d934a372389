package ginapi_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

func TestUnknownPathIsJSON404(t *testing.T) { // S4
	s := newService(t, ginapi.Config{})
	for _, path := range []string{
		"/", "/nothing", "/api", "/api/sse/tasks", "/api/sse/utils/version", "/api/tasks/", "/api/tasks/" + knownID + "/",
		"//api/tasks", "/API/TASKS", "/api/../healthz", "/api/sse/stream?request_id=abc123", "/api/sse/callback",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, "BREW"} {
			s.ask(t, method, path, "").wantError(t, http.StatusNotFound, "NOT_FOUND")
		}
	}
}

func TestWrongMethodIs405WithAllow(t *testing.T) {
	s := newService(t, ginapi.Config{})
	for path, allow := range map[string][]string{
		"/api/tasks": {"GET", "POST"}, "/api/tasks/" + knownID: {"GET", "DELETE"}, "/api/versions": {"POST"}, "/healthz": {"GET", "HEAD"},
	} {
		for _, method := range []string{http.MethodPut, http.MethodPatch, "BREW"} {
			a := s.ask(t, method, path, "")
			a.wantError(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
			for _, m := range allow {
				if !strings.Contains(a.header.Get("Allow"), m) {
					t.Errorf("%s %s: Allow: %s", method, path, a.header.Get("Allow"))
				}
			}
		}
	}
}

func TestNothingIsCompressed(t *testing.T) { // G7
	s := newService(t, ginapi.Config{})
	for _, path := range []string{"/api/openapi.yaml", "/metrics", "/healthz"} {
		if a := s.ask(t, http.MethodGet, path, "", "Accept-Encoding", "gzip, br, zstd"); a.header.Get("Content-Encoding") != "" {
			t.Errorf("%s is %s", path, a.header.Get("Content-Encoding"))
		}
	}
}

func TestPanicIs500(t *testing.T) {
	s := newService(t, ginapi.Config{})
	s.engine.GET("/panic", func(c *gin.Context) {
		c.Header("Content-Type", "text/event-stream")
		c.Header("Content-Length", "7")
		panic("at the disco\nlevel=ERROR msg=forged")
	})
	rec := httptest.NewRecorder()
	s.engine.ServeHTTP(rec, newRequest(t, http.MethodGet, "/panic?secret=s3cret", ""))
	a := answer{rec.Code, rec.Header(), rec.Body.String()}
	a.wantError(t, http.StatusInternalServerError, "INTERNAL_ERROR")
	if a.header.Get("Content-Type") != "application/json; charset=utf-8" || a.header.Get("Content-Length") != "" {
		t.Errorf("headers of another answer: %v", a.header)
	}
	log := s.log.String()
	if !strings.Contains(log, "at the disco") || !strings.Contains(log, "engine_test.go") {
		t.Errorf("log without cause or stack: %s", log)
	}
	if strings.Contains(a.body, "disco") || strings.Contains(log, "s3cret") {
		t.Errorf("told too much: %s\n%s", a.body, log)
	}
}

func TestPanicAnswerIsDescribedInOpenAPI(t *testing.T) {
	s := newService(t, ginapi.Config{})
	s.reader.EXPECT().Types(gomock.Any()).Do(func(context.Context) ([]task.Type, error) { panic("oh no") })
	s.ask(t, http.MethodGet, "/api/task-types", "").wantError(t, http.StatusInternalServerError, "INTERNAL_ERROR")
}

func TestUnexpectedErrorGoesToTheLogOnly(t *testing.T) { // S3
	s := newService(t, ginapi.Config{})
	current("", errBroken)(s)
	a := s.ask(t, http.MethodGet, "/api/version", "")
	a.wantError(t, http.StatusInternalServerError, "INTERNAL_ERROR")
	if strings.Contains(a.body, "fire") || !strings.Contains(s.log.String(), "disk on fire") {
		t.Errorf("body %s, log %s", a.body, s.log)
	}
}

func TestAccessLogHasNoQuery(t *testing.T) { // S2: the query can hold the callback's secret
	s := newService(t, ginapi.Config{})
	s.ask(t, http.MethodPost, "/api/sse/callback?secret=s3cret", "")
	log := s.log.String()
	if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "path=/api/sse/callback status=404") {
		t.Errorf("no entry: %s", log)
	}
	if strings.Contains(log, "s3cret") {
		t.Errorf("the secret is in the log: %s", log)
	}
}

// serve answers /here with h over a real connection, and returns the answer's
// body.
func serve(t *testing.T, h gin.HandlerFunc) (*service, io.Reader, error) {
	t.Helper()
	s := newService(t, ginapi.Config{})
	s.engine.GET("/here", h)
	server := httptest.NewServer(s.engine)
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/here", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		return s, nil, err
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return s, res.Body, nil
}

func TestHandlersCanFlushAndSetDeadlines(t *testing.T) { // G7
	release := make(chan struct{})
	_, body, err := serve(t, func(c *gin.Context) {
		if _, ok := c.Writer.(http.Flusher); !ok {
			t.Error("no http.Flusher")
		}
		rc := http.NewResponseController(c.Writer)
		deadline := time.Now().Add(time.Minute)
		_, err := io.WriteString(c.Writer, ": first\n")
		if err := errors.Join(err, rc.SetWriteDeadline(deadline), rc.SetReadDeadline(deadline), rc.Flush()); err != nil {
			t.Errorf("response controller: %v", err)
		}
		<-release // the client must have the first line while the handler still runs
	})
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(body).ReadString('\n')
	close(release)
	if err != nil || line != ": first\n" {
		t.Errorf("read %q, %v", line, err)
	}
}

func TestHandlersCanHijack(t *testing.T) { // G7
	_, body, err := serve(t, func(c *gin.Context) {
		conn, _, err := http.NewResponseController(c.Writer).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaken")
	})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err != nil || string(text) != "taken" {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestPanicDuringAnAnswerCutsTheConnection(t *testing.T) {
	s, body, err := serve(t, func(c *gin.Context) {
		_, _ = io.WriteString(c.Writer, "half of")
		c.Writer.Flush()
		panic("oh no")
	})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err == nil {
		t.Errorf("read %q as a whole answer", text)
	}
	if !strings.Contains(s.log.String(), "oh no") {
		t.Errorf("not in the log: %s", s.log)
	}
}

func TestHandlersCanAbort(t *testing.T) {
	s, _, err := serve(t, func(*gin.Context) { panic(http.ErrAbortHandler) })
	if err == nil {
		t.Error("got an answer")
	}
	if strings.Contains(s.log.String(), "panicked") {
		t.Errorf("an abort is no panic: %s", s.log)
	}
}

func TestClientDisconnectIsNotLoggedAsError(t *testing.T) {
	s := newService(t, ginapi.Config{})
	ctx, leave := context.WithCancel(t.Context())
	s.versions.EXPECT().Current(gomock.Any()).DoAndReturn(func(ctx context.Context) (version.Version, error) {
		leave()
		return version.Version{}, ctx.Err()
	})
	s.engine.ServeHTTP(httptest.NewRecorder(), newRequest(t, http.MethodGet, "/api/version", "").WithContext(ctx))
	if log := s.log.String(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, "status=499") {
		t.Errorf("log: %s", log)
	}
}

// brokenWriter is a client that is gone when the answer is written.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFailedWriteIsNotLoggedAsError(t *testing.T) {
	s := newService(t, ginapi.Config{})
	current(`{"version":"1"}`, nil)(s)
	s.engine.ServeHTTP(brokenWriter{httptest.NewRecorder()}, newRequest(t, http.MethodGet, "/api/version", ""))
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("log: %s", log)
	}
}
