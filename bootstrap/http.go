package bootstrap

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/fx"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// httpModule is the HTTP side: the API, the chosen gateway's route, and the
// server that serves both.
func httpModule() fx.Option {
	return fx.Module("http/gin", fx.Provide(newReadiness, newHandler, newServer))
}

type handlerParts struct {
	fx.In

	Config    Config
	Tasks     task.Service
	Reader    task.Reader
	Workers   task.Workers
	Versions  version.Service
	Gateway   gatewayEnd
	Readiness *readiness
	Metrics   *prometheus.Registry
	Log       *slog.Logger
}

func newHandler(p handlerParts) (http.Handler, error) {
	measured, err := ginapi.NewHTTPMetrics(p.Metrics)
	if err != nil {
		return nil, err
	}
	engine := ginapi.NewEngine(p.Log, measured)
	p.Gateway.routes(engine)
	api := ginapi.New(
		ginapi.Config{Testing: p.Config.Environment == Testing, Version: BuildVersion()},
		ginapi.Deps{
			Tasks: p.Tasks, TaskReader: p.Reader, Workers: p.Workers, Versions: p.Versions,
			Readiness: p.Readiness.check,
			Metrics:   promhttp.HandlerFor(p.Metrics, promhttp.HandlerOpts{}),
		}, p.Log)
	api.Register(engine)
	return engine, nil
}
