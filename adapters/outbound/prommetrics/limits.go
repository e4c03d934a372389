package prommetrics

import "github.com/prometheus/client_golang/prometheus"

// Limited returns what counts the requests that were refused because their subject or
// address was over a limit, by the limit's name. It may be called once. Errors: those of
// the registerer.
func (m *Metrics) Limited(names []string) (refused func(limit string), err error) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "heliograph_limited_total", Help: "Requests that were refused because their subject or address was over a limit.",
	}, []string{"limit"})
	for _, name := range names {
		counter.WithLabelValues(name)
	}
	return func(limit string) { counter.WithLabelValues(limit).Inc() }, m.reg.Register(counter)
}
