package prommetrics_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/test/contract/metricscontract"
)

func TestMetricsContract(t *testing.T) {
	metricscontract.Run(t, func(t *testing.T) metricscontract.Subject {
		reg := prometheus.NewPedanticRegistry()
		m := newMetrics(t, reg)
		return metricscontract.Subject{
			Connections: m.Connections(), Gateway: m.Gateway(), Tasks: m.Tasks(),
			Read: func(t *testing.T) metricscontract.Reading { return read(scrape(t, reg)) },
		}
	})
}

func read(s samples) metricscontract.Reading {
	r := metricscontract.Reading{
		Connects:    int(s["sse_gateway_connections_total{action=connect}"]),
		Disconnects: int(s["sse_gateway_connections_total{action=disconnect}"]),
		Active:      int(s["sse_gateway_active_connections{}"]),
		Shutdown:    int(s["heliograph_tasks_active_at_shutdown{}"]),
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
