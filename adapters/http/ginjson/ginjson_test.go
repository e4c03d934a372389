package ginjson_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/http/ginjson"
	"heliograph/domain/task"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// post has handle answer a POST with body, as a server would.
func post(body io.Reader, handle gin.HandlerFunc) *httptest.ResponseRecorder {
	engine := gin.New()
	engine.POST("/things/:id", handle)
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/things/1?secret=hush", body))
	return w
}

func TestReadTakesOneJSONValue(t *testing.T) { // S3
	broken := io.MultiReader(strings.NewReader(`{"a":`), errReader{})
	cases := []struct {
		name   string
		body   io.Reader
		status int
		code   string // "" when it is read
	}{
		{"an object", strings.NewReader(` {"a":1} `), 200, ""},
		{"null", strings.NewReader("null"), 200, ""},
		{"the largest", strings.NewReader(`"` + strings.Repeat("x", ginjson.MaxBody-2) + `"`), 200, ""},
		{"nothing", http.NoBody, 400, "MISSING_BODY"},
		{"blanks", strings.NewReader("  "), 400, "INVALID_JSON"},
		{"half an object", strings.NewReader(`{"a":`), 400, "INVALID_JSON"},
		{"two values", strings.NewReader(`{} {}`), 400, "INVALID_JSON"},
		{"not UTF-8", strings.NewReader("\"\xff\""), 400, "INVALID_JSON"},
		{"a body that breaks off", broken, 400, "INVALID_JSON"},
		{"too much", strings.NewReader(strings.Repeat(" ", ginjson.MaxBody+1)), 413, "PAYLOAD_TOO_LARGE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := post(c.body, func(c *gin.Context) {
				if _, err := ginjson.Read(c); err != nil {
					ginjson.Abort(c, slog.New(slog.DiscardHandler), err)
				}
			})
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.code) {
				t.Errorf("answer: %d %s, want %d %s", w.Code, w.Body, c.status, c.code)
			}
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("reset by peer") }

func TestAbort(t *testing.T) {
	cases := []struct {
		name       string
		err        error
		status     int
		body       string
		retryAfter string
		logged     bool
	}{
		{
			"a fault of the request", fmt.Errorf("cancel: %w", task.ErrNotFound), 404,
			`{"error":{"code":"TASK_NOT_FOUND","message":"cancel: task not found"}}`, "", false,
		},
		{
			"a lack that passes", task.ErrQueueFull, 503,
			`{"error":{"code":"QUEUE_FULL","message":"the task queue is full"}}`, "2", false,
		},
		{
			"an unexpected error", errors.New("disk on fire"), 500,
			`{"error":{"code":"INTERNAL_ERROR","message":"something went wrong on the server; its log says what"}}`, "", true,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var logs bytes.Buffer
			w := post(http.NoBody, func(g *gin.Context) { ginjson.Abort(g, slog.New(slog.NewTextHandler(&logs, nil)), c.err) })
			if diff := cmp.Diff(c.body, w.Body.String()); diff != "" || w.Code != c.status {
				t.Errorf("status %d, want %d; body (-want +got):\n%s", w.Code, c.status, diff)
			}
			if got := w.Header().Get("Retry-After"); got != c.retryAfter {
				t.Errorf("Retry-After: %q, want %q", got, c.retryAfter)
			}
			if got := strings.Contains(logs.String(), "disk on fire"); got != c.logged {
				t.Errorf("in the log: %t, want %t:\n%s", got, c.logged, &logs)
			}
			if strings.Contains(logs.String(), "hush") {
				t.Errorf("the query is in the log:\n%s", &logs)
			}
		})
	}
}
