package e2e_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// The metrics of rules M, as a scrape writes them.
const (
	connects     = `sse_gateway_connections_total{action="connect"}`
	disconnects  = `sse_gateway_connections_total{action="disconnect"}`
	active       = `sse_gateway_active_connections`
	taskSent     = `sse_gateway_events_sent_total{service="task",status="success"}`
	taskFailed   = `sse_gateway_events_sent_total{service="task",status="error"}`
	versionSent  = `sse_gateway_events_sent_total{service="version",status="success"}`
	versionError = `sse_gateway_events_sent_total{service="version",status="error"}`
	versionTook  = `sse_gateway_send_duration_seconds_count{service="version"}`
)

// metrics is one scrape: value by name and labels.
type metrics map[string]float64

// scrape reads the metrics. C9: in every scrape the three numbers agree.
func (s *service) scrape(t *testing.T) metrics {
	t.Helper()
	m := metrics{}
	for line := range strings.Lines(string(s.must(t, http.StatusOK, "GET", "/metrics", "").body)) {
		if name, value, ok := cutLast(strings.TrimSpace(line), " "); ok && line[0] != '#' {
			m[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	for _, name := range []string{connects, disconnects, active, taskSent, taskFailed, versionSent, versionError, versionTook} {
		if _, there := m[name]; !there {
			t.Fatalf("M: the scrape has no %s", name)
		}
	}
	if m[connects]-m[disconnects] != m[active] {
		t.Errorf("C9: %v connects − %v disconnects is not %v active", m[connects], m[disconnects], m[active])
	}
	return m
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// awaitMetrics waits until each metric has grown since the scrape before by
// exactly what want says.
func (s *service) awaitMetrics(t *testing.T, before, want metrics) {
	t.Helper()
	var now metrics
	defer func() {
		for name, growth := range want {
			if got := now[name] - before[name]; got != growth {
				t.Errorf("%s has grown by %v, want %v", name, got, growth)
			}
		}
	}()
	eventually(t, "the metrics grow as they should", func() bool {
		now = s.scrape(t)
		for name, growth := range want {
			if now[name]-before[name] != growth {
				return false
			}
		}
		return true
	})
}
