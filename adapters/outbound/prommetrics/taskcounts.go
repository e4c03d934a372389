package prommetrics

import "github.com/prometheus/client_golang/prometheus"

var (
	tasksRunning = prometheus.NewDesc("heliograph_tasks_running", "Tasks that run now.", nil, nil)
	tasksQueued  = prometheus.NewDesc("heliograph_tasks_queued", "Tasks that wait for a worker now.", nil, nil)
)

// taskCounts is a collector that reads both numbers from the pool at once, at every
// scrape.
type taskCounts func() (running, queued int)

// Describe implements prometheus.Collector.
func (taskCounts) Describe(ch chan<- *prometheus.Desc) {
	ch <- tasksRunning
	ch <- tasksQueued
}

// Collect implements prometheus.Collector.
func (counts taskCounts) Collect(ch chan<- prometheus.Metric) {
	running, queued := counts()
	ch <- prometheus.MustNewConstMetric(tasksRunning, prometheus.GaugeValue, float64(running))
	ch <- prometheus.MustNewConstMetric(tasksQueued, prometheus.GaugeValue, float64(queued))
}
