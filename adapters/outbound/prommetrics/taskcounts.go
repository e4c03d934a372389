package prommetrics

import "github.com/prometheus/client_golang/prometheus"

var (
	tasksRunning   = prometheus.NewDesc("heliograph_tasks_running", "Tasks that run now.", nil, nil)
	tasksQueued    = prometheus.NewDesc("heliograph_tasks_queued", "Tasks that wait for a worker now.", nil, nil)
	tasksScheduled = prometheus.NewDesc("heliograph_tasks_scheduled", "Tasks that wait for the time that they are to run at.", nil, nil)
)

// taskCounts is a collector that reads the numbers from the task service at every
// scrape.
type taskCounts struct {
	pool      func() (running, queued int)
	scheduled func() int
}

// Describe implements prometheus.Collector.
func (taskCounts) Describe(ch chan<- *prometheus.Desc) {
	ch <- tasksRunning
	ch <- tasksQueued
	ch <- tasksScheduled
}

// Collect implements prometheus.Collector.
func (c taskCounts) Collect(ch chan<- prometheus.Metric) {
	running, queued := c.pool()
	ch <- prometheus.MustNewConstMetric(tasksRunning, prometheus.GaugeValue, float64(running))
	ch <- prometheus.MustNewConstMetric(tasksQueued, prometheus.GaugeValue, float64(queued))
	ch <- prometheus.MustNewConstMetric(tasksScheduled, prometheus.GaugeValue, float64(c.scheduled()))
}
