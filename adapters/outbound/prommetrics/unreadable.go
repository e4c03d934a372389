package prommetrics

import "github.com/prometheus/client_golang/prometheus"

var unreadableRecords = prometheus.NewDesc("heliograph_unreadable_records_total",
	"Records of the broker that were left out because this version cannot read them.", []string{"stream"}, nil)

// unreadable is a collector that reads the counts, by stream, from the broker at every
// scrape.
type unreadable func() map[string]uint64

// Describe implements prometheus.Collector.
func (unreadable) Describe(ch chan<- *prometheus.Desc) { ch <- unreadableRecords }

// Collect implements prometheus.Collector.
func (counts unreadable) Collect(ch chan<- prometheus.Metric) {
	for stream, n := range counts() {
		ch <- prometheus.MustNewConstMetric(unreadableRecords, prometheus.CounterValue, float64(n), stream)
	}
}
