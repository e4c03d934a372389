package ginapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestRequestsAreCountedByMethodRouteAndStatus(t *testing.T) {
	s := newService(t, ginapi.Config{})
	s.engine.GET("/panic", func(*gin.Context) { panic("oh no") })
	s.engine.GET("/api/sse/stream", func(c *gin.Context) { c.Status(http.StatusOK) })
	for _, r := range []struct{ method, target string }{
		{http.MethodGet, "/api/tasks/1"},
		{http.MethodGet, "/api/tasks/2"},
		{http.MethodGet, "/api/sse/stream?request_id=a"},
		{http.MethodGet, "/panic"},
		{http.MethodGet, "/1"},
		{"BREW", "/2"},
		{"STEEP", "/healthz"},
	} {
		s.engine.ServeHTTP(httptest.NewRecorder(), newRequest(t, r.method, r.target, ""))
	}
	want := `
# HELP heliograph_http_requests_total HTTP requests that were answered; streams count when they end.
# TYPE heliograph_http_requests_total counter
heliograph_http_requests_total{method="GET",route="/api/sse/stream",status="200"} 1
heliograph_http_requests_total{method="GET",route="/api/tasks/:id",status="404"} 2
heliograph_http_requests_total{method="GET",route="/panic",status="500"} 1
heliograph_http_requests_total{method="GET",route="none",status="404"} 1
heliograph_http_requests_total{method="other",route="none",status="404"} 1
heliograph_http_requests_total{method="other",route="none",status="405"} 1
`
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), "heliograph_http_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestStreamsAndClaimsHaveNoDuration(t *testing.T) {
	s := newService(t, ginapi.Config{})
	inFlight := func(want float64) gin.HandlerFunc {
		return func(c *gin.Context) {
			if got := gauge(t, s.registry, "heliograph_http_requests_in_flight"); got != want {
				t.Errorf("in %s: %g in flight, want %g", c.FullPath(), got, want)
			}
		}
	}
	s.engine.GET("/api/sse/stream", inFlight(0))
	s.engine.GET("/here", inFlight(1))
	s.workers.EXPECT().Claim(gomock.Any(), gomock.Any(), gomock.Any()).DoAndReturn(func(context.Context, []string, string) (task.Claim, error) {
		if got := gauge(t, s.registry, "heliograph_http_requests_in_flight"); got != 0 {
			t.Errorf("in a claim: %g in flight, want 0", got)
		}
		return claim, nil
	})
	s.ask(t, http.MethodPost, "/api/workers/claim", goodClaim)
	for _, path := range []string{"/api/sse/stream", "/here"} {
		s.engine.ServeHTTP(httptest.NewRecorder(), newRequest(t, http.MethodGet, path, ""))
	}
	if got := gauge(t, s.registry, "heliograph_http_requests_in_flight"); got != 0 {
		t.Errorf("at rest: %g in flight", got)
	}
	if n, err := testutil.GatherAndCount(s.registry, "heliograph_http_request_duration_seconds"); n != 1 || err != nil {
		t.Errorf("durations of %d routes, %v; want that of /here", n, err)
	}
}

func gauge(t *testing.T, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestMetricsCanBeRegisteredOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	newMetrics(t, reg)
	if _, err := ginapi.NewHTTPMetrics(reg); err == nil {
		t.Error("registered twice without an error")
	}
}

func TestMetricsPassTheLinter(t *testing.T) {
	s := newService(t, ginapi.Config{})
	s.ask(t, http.MethodGet, "/healthz", "")
	if problems, err := testutil.GatherAndLint(s.registry); len(problems) > 0 || err != nil {
		t.Errorf("%v, %v", problems, err)
	}
}
