package embeddedsender

import (
	"github.com/prometheus/client_golang/prometheus"

	"heliograph/adapters/engine/sse"
)

// Collector shows the engine's figures to Prometheus, as they are at each
// scrape.
type Collector struct {
	engine *sse.Engine

	streams, logBytes, written, slow, ends, replays, replayed, resets *prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a Collector for engine.
func NewCollector(engine *sse.Engine) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("heliograph_stream_"+name, help, labels, nil)
	}
	return &Collector{
		engine:   engine,
		streams:  prometheus.NewDesc("heliograph_streams_open", "Streams that the embedded gateway holds.", nil, nil),
		logBytes: desc("log_bytes", "Memory that the log of broadcast events takes."),
		written:  desc("written_bytes_total", "Bytes written to streams."),
		slow:     desc("slow_consumers_total", "Streams disconnected as slow consumers, by the limit that they were over.", "limit"),
		ends:     desc("ends_total", "Streams that ended, by why.", "reason"),
		replays:  desc("replays_total", "Streams that resumed behind the end of the log."),
		replayed: desc("replayed_events_total", "Log events that resuming streams got from the log."),
		resets:   desc("resets_total", "Streams that could not resume where they were, by reason.", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s := c.engine.Stats()
	gauge(c.streams, s.Streams)
	gauge(c.logBytes, s.LogBytes)
	counter(c.written, s.WrittenBytes)
	counter(c.slow, s.Slow.Log, "log")
	counter(c.slow, s.Slow.Private, "private")
	counter(c.slow, s.Slow.Stalled, "stalled")
	for reason, n := range s.Ends {
		counter(c.ends, n, string(reason))
	}
	counter(c.replays, s.Replays)
	counter(c.replayed, s.ReplayedEvents)
	for reason, n := range s.Resets {
		counter(c.resets, n, string(reason))
	}
}
