package httpsender

import "github.com/prometheus/client_golang/prometheus"

// Collector shows to Prometheus how it stands with the gateway, at each scrape.
type Collector struct {
	sender *Sender

	open, waiting, overflows *prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a Collector for s.
func NewCollector(s *Sender) *Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("heliograph_gateway_"+name, help, nil, nil)
	}
	return &Collector{
		sender:    s,
		open:      desc("circuit_open", "1 while the external gateway does not answer and events wait, else 0."),
		waiting:   desc("outbox_events", "Events that wait for the external gateway, before they are divided by connection."),
		overflows: desc("outbox_overflows_total", "Events that there was no room for while they waited for the external gateway."),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	waiting, overflows := c.sender.trunk.waiting()
	open := 1.0
	if c.sender.trunk.link.isUp() {
		open = 0
	}
	ch <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, open)
	ch <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(waiting))
	ch <- prometheus.MustNewConstMetric(c.overflows, prometheus.CounterValue, float64(overflows))
}
