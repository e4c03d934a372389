package ginapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/domain/version"
	"heliograph/test/logs"
	"heliograph/test/mocks"
)

const knownID = "0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a"

// service is the API on its engine, in front of mocks that expect no call.
type service struct {
	tasks    *mocks.MockTaskService
	reader   *mocks.MockTaskReader
	workers  *mocks.MockTaskWorkers
	versions *mocks.MockVersionService
	writer   *mocks.MockOutputWriter
	output   *mocks.MockOutputReader
	events   *mocks.MockAppEventService
	follow   *mocks.MockOutputFollowers
	access   *mocks.MockAccessService
	keeper   *mocks.MockCredentials
	streams  *mocks.MockDiagnosisService
	logs     *mocks.MockEventLogReader
	overview *mocks.MockOverviewService
	standing *mocks.MockVersionOverview
	found    []ginapi.Check // what /api/health gets
	settings []ginapi.Setting
	caller   *access.Principal // who every request comes from; nil is nobody in particular
	checks   map[string]error  // what /readyz gets
	sendTo   func(ctx context.Context, id connection.RequestID, ev event.Event) (bool, error)
	registry *prometheus.Registry
	log      *logs.Logs // text, at debug level
	engine   *gin.Engine
}

func newService(t *testing.T, cfg ginapi.Config) *service {
	t.Helper()
	return newGuardedService(t, cfg, ginapi.GuardConfig{})
}

// newGuardedService is newService with a guard that has something to do.
func newGuardedService(t *testing.T, cfg ginapi.Config, guard ginapi.GuardConfig) *service {
	t.Helper()
	ctrl := gomock.NewController(t)
	s := &service{
		tasks: mocks.NewMockTaskService(ctrl), reader: mocks.NewMockTaskReader(ctrl),
		workers: mocks.NewMockTaskWorkers(ctrl), versions: mocks.NewMockVersionService(ctrl), events: mocks.NewMockAppEventService(ctrl),
		writer: mocks.NewMockOutputWriter(ctrl), output: mocks.NewMockOutputReader(ctrl), follow: mocks.NewMockOutputFollowers(ctrl),
		access: mocks.NewMockAccessService(ctrl), keeper: mocks.NewMockCredentials(ctrl), streams: mocks.NewMockDiagnosisService(ctrl), logs: mocks.NewMockEventLogReader(ctrl), overview: mocks.NewMockOverviewService(ctrl), standing: mocks.NewMockVersionOverview(ctrl), registry: prometheus.NewRegistry(), log: &logs.Logs{},
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.engine = ginapi.NewEngine(log, newMetrics(t, s.registry), newGuard(t, guard))
	s.engine.Use(func(c *gin.Context) {
		c.Request = c.Request.WithContext(access.NewContext(c.Request.Context(), s.caller))
	})
	ginapi.New(cfg, ginapi.Deps{
		Tasks: s.tasks, TaskReader: s.reader, Workers: s.workers, Leased: s.reader, Versions: s.versions, Access: s.access,
		Readiness: func(context.Context) map[string]error { return s.checks },
		SendTo: func(ctx context.Context, id connection.RequestID, ev event.Event) (bool, error) {
			return s.sendTo(ctx, id, ev)
		},
	}, log).Register(s.engine)
	ginapi.NewOutputs(ginapi.OutputDeps{Writer: s.writer, Reader: s.output}, log).Register(s.engine)
	ginapi.NewFollowers(s.follow, log).Register(s.engine)
	ginapi.NewConnections(s.streams, log).Register(s.engine)
	ginapi.RegisterMetrics(s.engine, promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{DisableCompression: true}))
	ginapi.NewEvents(s.events, log).Register(s.engine)
	ginapi.NewAccess(ginapi.AccessDeps{Access: s.access, Connections: s.keeper}, log).Register(s.engine)
	ginapi.NewOperators(ginapi.OperatorDeps{
		Log: s.logs, Overview: s.overview, Versions: s.standing, Source: "url", Broker: "nats", Self: self,
		Checks:   func(context.Context) []ginapi.Check { return s.found },
		Settings: func() []ginapi.Setting { return s.settings },
	}, log).Register(s.engine)
	return s
}

func newMetrics(t *testing.T, reg prometheus.Registerer) *ginapi.HTTPMetrics {
	t.Helper()
	m, err := ginapi.NewHTTPMetrics(reg)
	if err != nil {
		t.Fatalf("register metrics: %v", err)
	}
	return m
}

func newGuard(t testing.TB, cfg ginapi.GuardConfig) *ginapi.Guard {
	t.Helper()
	g, err := ginapi.NewGuard(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

// code returns an error's code, or "".
func (a answer) code() string {
	var body struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.body), &body) // what is not JSON has no code
	return body.Error.Code
}

// ask makes a request and holds the answer against openapi.yaml.
func (s *service) ask(t *testing.T, method, target, body string, header ...string) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	s.engine.ServeHTTP(rec, newRequest(t, method, target, body, header...))
	got := answer{rec.Code, rec.Header(), rec.Body.String()}
	conform(t, newRequest(t, method, target, body, header...), got)
	return got
}

// newRequest makes a request; header is name, value, name, value ….
func newRequest(t *testing.T, method, target, body string, header ...string) *http.Request {
	t.Helper()
	var reader io.Reader = http.NoBody
	if body != "" {
		reader = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(t.Context(), method, target, reader)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// wantError fails unless a is an error with that status and code.
func (a answer) wantError(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("got %d %s, want %d with %s", a.status, a.body, status, code)
	}
}

// wantJSON fails unless a has that status and, as JSON, that body.
func (a answer) wantJSON(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status || compact(t, a.body) != compact(t, body) {
		t.Errorf("got %d %s, want %d %s", a.status, a.body, status, body)
	}
}

// compact returns text without its insignificant white space.
func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Errorf("not JSON: %q: %v", text, err)
	}
	return b.String()
}

func mustVersion(t *testing.T, payload string) version.Version {
	t.Helper()
	v, err := version.Parse([]byte(payload))
	if err != nil {
		t.Fatalf("parse %s: %v", payload, err)
	}
	return v
}

func pending(id task.ID) task.Task {
	return task.Task{ID: id, Type: "demo_task", Status: task.Pending, Attempt: 1}
}

var errBroken = errors.New("disk on fire\nlevel=ERROR msg=forged")
