package prommetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

var _ gateway.Metrics = (*sends)(nil)

// sendBuckets reach from a pass of the embedded writers (tenths of a
// millisecond) to a push that ran into SSE_GATEWAY_TIMEOUT (5 s by default).
// Unit: seconds.
var sendBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

type sends struct {
	events   *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newSends() *sends {
	s := &sends{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sse_gateway_events_sent_total",
			Help: "Events by what became of them, one for each event and connection; control events do not count.",
		}, []string{"service", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sse_gateway_send_duration_seconds",
			Help:    "Time per request to an external gateway, or per event until the embedded one has written it.",
			Buckets: sendBuckets,
		}, []string{"service"}),
	}
	for _, service := range event.Services {
		s.Sent(service, 0, 0)
		s.duration.WithLabelValues(string(service))
	}
	return s
}

// Sent implements gateway.Metrics.
func (s *sends) Sent(service event.Service, ok, failed int) {
	s.events.WithLabelValues(string(service), "success").Add(float64(ok))
	s.events.WithLabelValues(string(service), "error").Add(float64(failed))
}

// Took implements gateway.Metrics.
func (s *sends) Took(service event.Service, d time.Duration) {
	s.duration.WithLabelValues(string(service)).Observe(d.Seconds())
}
