package prommetrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/domain/connection"
)

var _ connection.Metrics = (*connections)(nil)

var (
	connectionsTotal = prometheus.NewDesc("sse_gateway_connections_total",
		"Connections that entered (connect) or left (disconnect) the registry.", []string{"action"}, nil)
	activeConnections = prometheus.NewDesc("sse_gateway_active_connections",
		"Connections that this node owns now.", nil, nil)
)

// connections is one collector for the counters and the gauge, so that every
// scrape sees connects − disconnects = active connections (rule C9).
type connections struct {
	mu                    sync.Mutex
	connects, disconnects int // guarded by mu
}

func newConnections() *connections { return &connections{} }

// Connected implements connection.Metrics.
func (c *connections) Connected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connects++
}

// Disconnected implements connection.Metrics.
func (c *connections) Disconnected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disconnects++
}

func (c *connections) counts() (connects, disconnects float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return float64(c.connects), float64(c.disconnects)
}

// Describe implements prometheus.Collector.
func (c *connections) Describe(ch chan<- *prometheus.Desc) {
	ch <- connectionsTotal
	ch <- activeConnections
}

// Collect implements prometheus.Collector.
func (c *connections) Collect(ch chan<- prometheus.Metric) {
	connects, disconnects := c.counts()
	ch <- prometheus.MustNewConstMetric(connectionsTotal, prometheus.CounterValue, connects, "connect")
	ch <- prometheus.MustNewConstMetric(connectionsTotal, prometheus.CounterValue, disconnects, "disconnect")
	ch <- prometheus.MustNewConstMetric(activeConnections, prometheus.GaugeValue, connects-disconnects)
}
