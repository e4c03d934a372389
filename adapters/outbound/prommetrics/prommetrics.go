// Package prommetrics implements connection.Metrics, gateway.Metrics and
// task.Metrics with Prometheus. It owns the names, labels and buckets (rules M).
package prommetrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// Metrics holds one adapter for each metrics port. All of them are safe for
// concurrent use and never wait.
type Metrics struct {
	reg         prometheus.Registerer
	connections *connections
	gateway     *sends
	tasks       *tasks
}

// New makes the metrics and registers them. Each combination of labels that is
// known from the start is there from the start, with 0. Errors: those of reg.
func New(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{reg: reg, connections: newConnections(), gateway: newSends(), tasks: newTasks()}
	return m, errors.Join(
		reg.Register(m.connections),
		reg.Register(m.gateway.events),
		reg.Register(m.gateway.duration),
		reg.Register(m.tasks.ended),
		reg.Register(m.tasks.duration),
		reg.Register(m.tasks.lost),
		reg.Register(m.tasks.retried),
		reg.Register(m.tasks.active),
	)
}

// Connections returns the counter of connections.
func (m *Metrics) Connections() connection.Metrics { return m.connections }

// Gateway returns the counter of sent events.
func (m *Metrics) Gateway() gateway.Metrics { return m.gateway }

// Tasks returns the counter of tasks. types are those that can be started: the
// values of the label.
func (m *Metrics) Tasks(types ...string) task.Metrics {
	m.tasks.prepare(types)
	return m.tasks
}

// WatchUnreadable exports the number of records that were left out, by stream; counts
// is called at every scrape. It may be called once. Errors: those of the registerer.
func (m *Metrics) WatchUnreadable(counts func() map[string]uint64) error {
	return m.reg.Register(unreadable(counts))
}

// WatchTasks exports the numbers of running, queued and scheduled tasks; both are called
// at every scrape. It may be called once. Errors: those of the registerer.
func (m *Metrics) WatchTasks(pool func() (running, queued int), scheduled func() int) error {
	return m.reg.Register(taskCounts{pool, scheduled})
}
