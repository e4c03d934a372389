package bootstrap

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/fx"

	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/inbound/ginapi"
	"heliograph/application/connections"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// httpModule is the HTTP side: the API, the chosen gateway's route, and the
// server that serves both.
func httpModule() fx.Option {
	return fx.Module("http/gin", fx.Provide(newReadiness, newHandler, func(cfg Config, log *slog.Logger) *front { return newFront(cfg, nil, log) }))
}

type handlerParts struct {
	fx.In

	Config      Config
	Tasks       task.Service
	Reader      task.Reader
	Workers     task.Workers
	Versions    version.Service
	Routes      streamRoutes
	Readiness   *readiness
	Connections *connections.Manager
	Metrics     *prometheus.Registry
	Log         *slog.Logger
}

func newHandler(p handlerParts) (http.Handler, error) {
	measured, err := ginapi.NewHTTPMetrics(p.Metrics)
	if err != nil {
		return nil, err
	}
	guard, err := ginapi.NewGuard(p.Config.guard())
	if err != nil {
		return nil, fmt.Errorf("CORS_ORIGINS: %w", err)
	}
	engine := ginapi.NewEngine(p.Log, measured, guard)
	p.Routes(engine)
	api := ginapi.New(
		ginapi.Config{Testing: p.Config.Environment == Testing, Version: BuildVersion()},
		ginapi.Deps{
			Tasks: p.Tasks, TaskReader: p.Reader, Workers: p.Workers, Versions: p.Versions,
			Readiness: p.Readiness.check, SendTo: p.Connections.SendTo,
			Metrics: promhttp.HandlerFor(p.Metrics, promhttp.HandlerOpts{}),
		}, p.Log)
	api.Register(engine)
	return httpserver.WithProbes(engine), nil
}

// guard says which pages and which names are let in (rules S5, S6). In production
// a proxy stands in front, which knows the names; unless ALLOWED_HOSTS has them, the
// service takes any.
func (c Config) guard() ginapi.GuardConfig {
	hosts := c.HTTP.AllowedHosts.Each()
	checked := c.Environment != Production || len(hosts) > 0
	if host, _, err := net.SplitHostPort(c.HTTP.Addr); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	return ginapi.GuardConfig{Origins: c.HTTP.CORSOrigins.Each(), CheckHost: checked, Hosts: hosts}
}

// maxStreams is what was configured, 0 for no bound, or less if the process may
// not have descriptors for so many.
func maxStreams(configured int) int {
	possible := httpserver.DescriptorLimits().Streams
	if configured == 0 || possible != 0 && possible < configured {
		return possible
	}
	return configured
}
