package ginapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"heliograph/adapters/http/paths"
)

// HTTPMetrics counts and times requests. Its labels come from closed sets: known
// methods, the routes' patterns, and the statuses that handlers answer with.
type HTTPMetrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
}

// NewHTTPMetrics registers the metrics with reg. It returns reg's error if they
// are registered already.
func NewHTTPMetrics(reg prometheus.Registerer) (*HTTPMetrics, error) {
	m := &HTTPMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_http_requests_total",
			Help: "HTTP requests that were answered; streams count when they end.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "heliograph_http_request_duration_seconds",
			Help: "Time to answer an HTTP request, without streams and claims, which wait.",
			// Answers come from memory in well under a millisecond, from a broker in
			// some; 5 s is when a gateway gives up on its callback.
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .1, .5, 1, 5},
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "heliograph_http_requests_in_flight",
			Help: "HTTP requests that are being answered, without streams and claims, which wait.",
		}),
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.durations), reg.Register(m.inFlight))
}

// measure is the middleware.
func (m *HTTPMetrics) measure(c *gin.Context) {
	method, route := methodLabel(c.Request.Method), routeLabel(c.FullPath())
	if route != paths.Stream && route != claimPath {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		defer m.observe(method, route, time.Now())
	}
	defer func() {
		m.requests.WithLabelValues(method, route, strconv.Itoa(c.Writer.Status())).Inc()
	}()
	c.Next()
}

func (m *HTTPMetrics) observe(method, route string, begin time.Time) {
	m.durations.WithLabelValues(method, route).Observe(time.Since(begin).Seconds())
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "other"
}

func routeLabel(pattern string) string {
	if pattern == "" {
		return "none" // 404 and 405
	}
	return pattern
}
