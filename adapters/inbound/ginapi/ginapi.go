// Package ginapi serves the HTTP API over gin: tasks, versions, health, metrics,
// and the API's own description, openapi.yaml.
//
// A handler reads the request, calls one driving port and writes the answer. An
// error that it returns becomes status, code and body in one place (package
// ginjson). NewEngine makes what all inbound adapters register on.
package ginapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// The paths that others than this package speak of.
const (
	DescriptionPath = "/api/openapi.yaml"
	TestEventPath   = "/api/testing/sse/task-event"
)

// Config configures an API. Its zero value is for production.
type Config struct {
	// Testing opens the routes below /api/testing; without it they answer 400
	// ROUTE_NOT_AVAILABLE.
	Testing bool
	// Version is the build's, as the served openapi.yaml tells it; "" leaves
	// 0.0.0-dev there.
	Version string
}

// Deps are what an API calls. All are required.
type Deps struct {
	Tasks      task.Service
	TaskReader task.Reader
	Workers    task.Workers
	// Leased finds the task of a worker that shows its lease.
	Leased   LeasedReader
	Versions version.Service
	// Access makes tokens for one task, for starts that ask for one.
	Access access.Service
	// Readiness checks each dependency and returns the results by name; nil means
	// that it works. It is called for every GET /readyz.
	Readiness func(ctx context.Context) map[string]error
	// SendTo hands an event to the connection of one request_id and reports whether
	// there was one. It is for the routes below /api/testing.
	SendTo func(ctx context.Context, id connection.RequestID, ev event.Event) (delivered bool, err error)
}

// LeasedReader reads the one task whose lease a worker shows, which may not read others.
type LeasedReader interface {
	// Get returns a task. Errors: task.ErrNotFound.
	Get(ctx context.Context, id task.ID) (task.Task, error)
}

// API holds the handlers. It is safe for concurrent use.
type API struct {
	cfg         Config
	deps        Deps
	log         *slog.Logger
	description []byte              // openapi.yaml with the build's version
	answers     *semaphore.Weighted // bytes of large answers under way
	counting    *semaphore.Weighted // 1: requests that count tasks
}

// New returns an API. It starts nothing.
func New(cfg Config, deps Deps, log *slog.Logger) *API {
	return &API{
		cfg: cfg, deps: deps, log: log,
		description: stamp(openAPI, cfg.Version), answers: semaphore.NewWeighted(maxAnswers), counting: semaphore.NewWeighted(1),
	}
}

// Register adds the routes to r, which is the root.
func (a *API) Register(r gin.IRouter) {
	r.POST(paths.Tasks, a.handle(a.startTask))
	r.GET(paths.Tasks, a.handle(a.listTasks))
	r.POST(paths.Tasks+"/cancel", a.handle(a.cancelTasks))
	r.GET(paths.Tasks+"/:id", a.handle(byID(a.getTask)))
	r.DELETE(paths.Tasks+"/:id", a.handle(byID(a.removeTask)))
	r.GET(paths.Tasks+"/:id/status", a.handle(byID(a.getTask)))
	r.POST(paths.Tasks+"/:id/cancel", a.handle(byID(a.cancelTask)))
	r.GET(paths.TaskTypes, a.handle(a.listTaskTypes))

	(&workers{tasks: a.deps.Workers, leased: a.deps.Leased}).register(r, a.log)

	r.POST("/api/versions", a.handle(a.announceVersion))
	r.GET("/api/version", a.handle(a.currentVersion))

	a.RegisterProbes(r)
	r.GET(DescriptionPath, a.describe)

	(&testingRoutes{open: a.cfg.Testing, tasks: a.deps.Tasks, versions: a.deps.Versions, sendTo: a.deps.SendTo, log: a.log}).register(r)
}

// statusClientGone is the status, in metrics and logs only, of a request whose
// client has disconnected. The number is nginx's.
const statusClientGone = 499

// handle makes a gin handler of one that may return an error, and answers with
// that error. If the client has disconnected it gets no answer, and the
// error is not logged as a failure.
func handle(log *slog.Logger, h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := h(c)
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil:
			c.AbortWithStatus(statusClientGone)
		default:
			ginjson.Abort(c, log, err)
		}
	}
}

func (a *API) handle(h func(*gin.Context) error) gin.HandlerFunc { return handle(a.log, h) }

// reply writes v as JSON. If it returns an error, nothing was written.
func reply(c *gin.Context, status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	c.Data(status, gin.MIMEJSON+"; charset=utf-8", body)
	return nil
}

const (
	// largeAnswer is what makes an answer a large one, in bytes.
	largeAnswer = 64 << 10
	// maxAnswers bounds all large answers under way, in bytes: those of clients that
	// read slowly, or not at all until the server gives them up.
	maxAnswers = 256 << 20
)

// errBusy refuses a large answer while too many others wait for their clients.
var errBusy = &ginjson.Error{
	Status: http.StatusServiceUnavailable, Code: "BUSY", Message: "too many large answers are under way",
}

// replyLarge writes JSON in parts, as it is, if there is room for it.
func (a *API) replyLarge(c *gin.Context, parts ...[]byte) error {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	if weight := int64(length); weight > largeAnswer {
		if !a.answers.TryAcquire(weight) {
			return errBusy
		}
		defer a.answers.Release(weight)
	}
	c.Header("Content-Type", gin.MIMEJSON+"; charset=utf-8")
	c.Header("Content-Length", strconv.Itoa(length))
	c.Status(http.StatusOK)
	for _, p := range parts {
		if _, err := c.Writer.Write(p); err != nil {
			break // the client is gone, or takes nothing: it cannot get an error
		}
	}
	return nil
}

// encode returns v as JSON. Unlike json.Marshal it does not escape <, > and &, so
// that raw values keep their bytes, apart from white space.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return text.Bytes(), nil
}

// decode reads the body into v; want is the message for a body of another form.
// Errors: those of ginjson.Read, and INVALID_PAYLOAD.
func decode(c *gin.Context, v any, want string) error {
	body, err := ginjson.Read(c)
	if err != nil {
		return err
	}
	defer func() { _ = c.Request.Body.Close() }() // it is no longer under way, however long the answer takes
	if err := ginjson.Decode(body, v); err != nil {
		return ginjson.InvalidPayload(want)
	}
	return nil
}
