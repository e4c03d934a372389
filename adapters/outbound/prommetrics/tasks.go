package prommetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/domain/task"
)

var _ task.Metrics = (*tasks)(nil)

// taskBuckets reach from a quick job to beyond the default time limit (300 s).
// Unit: seconds.
var taskBuckets = []float64{.1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

type tasks struct {
	ended    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	lost     *prometheus.CounterVec
	retried  *prometheus.CounterVec
	active   prometheus.Gauge
}

func newTasks() *tasks {
	return &tasks{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_tasks_ended_total",
			Help: "Tasks that ended, by type and outcome.",
		}, []string{"type", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "heliograph_task_duration_seconds",
			Help:    "How long tasks ran; those that never ran are left out.",
			Buckets: taskBuckets,
		}, []string{"type"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_task_leases_lost_total",
			Help: "Workers outside that did not report on their task for too long, by its type.",
		}, []string{"type"}),
		retried: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_task_retries_total",
			Help: "Attempts at tasks that ended and were followed by another, by the task's type.",
		}, []string{"type"}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "heliograph_tasks_active_at_shutdown",
			Help: "Tasks that ran when shutdown began; 0 until then.",
		}),
	}
}

func (t *tasks) prepare(types []string) {
	for _, typ := range types {
		t.duration.WithLabelValues(typ)
		t.lost.WithLabelValues(typ)
		t.retried.WithLabelValues(typ)
		for _, status := range task.Statuses() {
			if status.Terminal() {
				t.ended.WithLabelValues(typ, string(status))
			}
		}
	}
}

// Ended implements task.Metrics.
func (t *tasks) Ended(typ string, outcome task.Status, ran time.Duration) {
	t.ended.WithLabelValues(typ, string(outcome)).Inc()
	if ran > 0 {
		t.duration.WithLabelValues(typ).Observe(ran.Seconds())
	}
}

// LeaseLost implements task.Metrics.
func (t *tasks) LeaseLost(typ string) { t.lost.WithLabelValues(typ).Inc() }

// Retried implements task.Metrics.
func (t *tasks) Retried(typ string) { t.retried.WithLabelValues(typ).Inc() }

// Shutdown implements task.Metrics.
func (t *tasks) Shutdown(active int) { t.active.Set(float64(active)) }
