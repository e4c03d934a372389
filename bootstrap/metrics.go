package bootstrap

import (
	"errors"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/fx"

	"heliograph/adapters/outbound/prommetrics"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// metricsModule is the choice of what the metrics ports report to.
func metricsModule() fx.Option {
	return fx.Module("metrics/prometheus", fx.Provide(
		fx.Annotate(newRegistry, fx.As(fx.Self()), fx.As(new(prometheus.Registerer))),
		prommetrics.New,
		func(m *prommetrics.Metrics) (connection.Metrics, gateway.Metrics) {
			return m.Connections(), m.Gateway()
		},
	))
}

// newRegistry returns a registry with what is worth knowing of any Go process,
// and which build this one is.
func newRegistry() (*prometheus.Registry, error) {
	this := ThisBuild()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "heliograph_build_info", Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": this.Version, "revision": this.Revision, "goversion": runtime.Version()},
	})
	build.Set(1)
	reg := prometheus.NewRegistry()
	return reg, errors.Join(
		reg.Register(collectors.NewGoCollector()),
		reg.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
		reg.Register(build),
	)
}
