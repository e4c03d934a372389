// Package scrape reads Prometheus metrics for tests.
package scrape

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/test/contract/metricscontract"
)

// Samples are the values of one scrape by name{label=value,…}; a histogram has
// its _count and _sum.
type Samples map[string]float64

// Read returns the values that reg has now.
func Read(t testing.TB, reg prometheus.Gatherer) Samples {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := Samples{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			of := "{" + strings.Join(labels, ",") + "}"
			if h := m.GetHistogram(); h != nil {
				all[family.GetName()+"_count"+of] = float64(h.GetSampleCount())
				all[family.GetName()+"_sum"+of] = h.GetSampleSum()
				continue
			}
			all[family.GetName()+of] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

// Reading is what the samples say of the metrics ports.
func (s Samples) Reading() metricscontract.Reading {
	r := metricscontract.Reading{
		Connects:    int(s["sse_gateway_connections_total{action=connect}"]),
		Disconnects: int(s["sse_gateway_connections_total{action=disconnect}"]),
		Active:      int(s["sse_gateway_active_connections{}"]),
		Shutdown:    int(s["heliograph_tasks_active_at_shutdown{}"]),
		Retried:     func(typ string) int { return int(s["heliograph_task_retries_total{type="+typ+"}"]) },
		Lost:        func(typ string) int { return int(s["heliograph_task_leases_lost_total{type="+typ+"}"]) },
		Sent:        map[event.Service]metricscontract.Sent{},
		Ended: func(typ string, outcome task.Status) int {
			return int(s["heliograph_tasks_ended_total{outcome="+string(outcome)+",type="+typ+"}"])
		},
		Ran: func(typ string) int { return int(s["heliograph_task_duration_seconds_count{type="+typ+"}"]) },
	}
	for _, service := range event.Services {
		of := "service=" + string(service)
		r.Sent[service] = metricscontract.Sent{
			OK:     int(s["sse_gateway_events_sent_total{"+of+",status=success}"]),
			Failed: int(s["sse_gateway_events_sent_total{"+of+",status=error}"]),
			Timed:  int(s["sse_gateway_send_duration_seconds_count{"+of+"}"]),
			Time:   s["sse_gateway_send_duration_seconds_sum{"+of+"}"],
		}
	}
	return r
}
