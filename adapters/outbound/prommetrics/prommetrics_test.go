package prommetrics_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"heliograph/adapters/outbound/prommetrics"
	"heliograph/domain/event"
	"heliograph/test/scrape"
)

func newMetrics(t *testing.T, reg prometheus.Registerer) *prommetrics.Metrics {
	t.Helper()
	m, err := prommetrics.New(reg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryMetricIsThereFromTheStart(t *testing.T) { // M, C9
	reg := prometheus.NewPedanticRegistry()
	m := newMetrics(t, reg)
	m.Tasks("demo")
	if err := m.WatchTasks(func() (running, queued int) { return 3, 5 }, func() int { return 7 }); err != nil {
		t.Fatal(err)
	}
	if err := m.WatchUnreadable(func() map[string]uint64 { return map[string]uint64{"KV_a": 0, "b": 2} }); err != nil {
		t.Fatal(err)
	}
	want := scrape.Samples{
		"heliograph_unreadable_records_total{stream=KV_a}":              0,
		"heliograph_unreadable_records_total{stream=b}":                 2,
		"sse_gateway_connections_total{action=connect}":                 0,
		"sse_gateway_connections_total{action=disconnect}":              0,
		"sse_gateway_active_connections{}":                              0,
		"sse_gateway_events_sent_total{service=task,status=success}":    0,
		"sse_gateway_events_sent_total{service=task,status=error}":      0,
		"sse_gateway_events_sent_total{service=app,status=success}":     0,
		"sse_gateway_events_sent_total{service=app,status=error}":       0,
		"sse_gateway_send_duration_seconds_count{service=app}":          0,
		"sse_gateway_send_duration_seconds_sum{service=app}":            0,
		"sse_gateway_events_sent_total{service=version,status=success}": 0,
		"sse_gateway_events_sent_total{service=version,status=error}":   0,
		"sse_gateway_send_duration_seconds_count{service=task}":         0,
		"sse_gateway_send_duration_seconds_sum{service=task}":           0,
		"sse_gateway_send_duration_seconds_count{service=version}":      0,
		"sse_gateway_send_duration_seconds_sum{service=version}":        0,
		"heliograph_tasks_ended_total{outcome=completed,type=demo}":     0,
		"heliograph_tasks_ended_total{outcome=failed,type=demo}":        0,
		"heliograph_tasks_ended_total{outcome=cancelled,type=demo}":     0,
		"heliograph_task_duration_seconds_count{type=demo}":             0,
		"heliograph_task_duration_seconds_sum{type=demo}":               0,
		"heliograph_task_leases_lost_total{type=demo}":                  0,
		"heliograph_task_retries_total{type=demo}":                      0,
		"heliograph_tasks_active_at_shutdown{}":                         0,
		"heliograph_tasks_running{}":                                    3,
		"heliograph_tasks_queued{}":                                     5,
		"heliograph_tasks_scheduled{}":                                  7,
	}
	if diff := cmp.Diff(want, scrape.Read(t, reg)); diff != "" {
		t.Errorf("first scrape (-want +got):\n%s", diff)
	}
}

func TestEveryScrapeAddsUp(t *testing.T) { // C9: connects − disconnects = active, at all times
	reg := prometheus.NewRegistry()
	connections := newMetrics(t, reg).Connections()
	var coming sync.WaitGroup
	for range 4 {
		coming.Go(func() {
			for range 1000 {
				connections.Connected()
				connections.Disconnected()
			}
		})
	}
	for range 100 {
		s := scrape.Read(t, reg)
		connects, disconnects := s["sse_gateway_connections_total{action=connect}"], s["sse_gateway_connections_total{action=disconnect}"]
		if active := s["sse_gateway_active_connections{}"]; connects-disconnects != active || active < 0 {
			t.Fatalf("%v connects − %v disconnects, but %v active", connects, disconnects, active)
		}
	}
	coming.Wait()
}

func TestASecondSetOfMetricsIsRefused(t *testing.T) {
	reg := prometheus.NewRegistry()
	newMetrics(t, reg)
	if _, err := prommetrics.New(reg); err == nil {
		t.Error("registering everything twice gave no error")
	}
}

func BenchmarkSent(b *testing.B) {
	m, err := prommetrics.New(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	gateway := m.Gateway()
	b.ReportAllocs()
	for b.Loop() {
		gateway.Sent(event.ServiceTask, 1000, 0)
		gateway.Took(event.ServiceTask, time.Millisecond)
	}
}
