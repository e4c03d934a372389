package bootstrap

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/fx"

	"heliograph/adapters/http/ginaccess"
	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/inbound/console"
	"heliograph/adapters/inbound/ginapi"
	"heliograph/adapters/inbound/limits"
	"heliograph/adapters/inbound/webclient"
	"heliograph/adapters/outbound/prommetrics"
	"heliograph/application/guard"
	"heliograph/application/tasks"
	"heliograph/domain/access"
	"heliograph/domain/appevent"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// httpModule is the HTTP side: the API, the chosen gateway's route, and the
// server that serves both.
func httpModule() fx.Option {
	return fx.Module("http/gin", provideComponents(adminComponents), fx.Provide(
		newReadiness, newGate, newInbound, newInboundManager, newLimited, newHandler,
		func() *adminServer { return new(adminServer) },
		func(cfg Config, log *slog.Logger) *front { return newFront(cfg, nil, log) },
	))
}

// limited counts refusals by limit; nil without limits.
type limited func(limit string)

func newLimited(cfg Config, m *prommetrics.Metrics) (limited, error) {
	if !cfg.Limits.any() {
		return nil, nil
	}
	refused, err := m.Limited(limits.Names())
	return refused, err
}

// inboundManager is the connection.Manager that gateways' inbound sides call.
type inboundManager connection.Manager

func newInboundManager(cfg Config, m connection.Manager, registry connection.Registry, refused limited) inboundManager {
	if !cfg.Limits.any() {
		return m
	}
	return limits.NewManager(cfg.Limits.adapter(refused), m, registry)
}

// inbound holds the ports that the API calls: those of the application, behind limits,
// behind what asks what a principal may do.
type inbound struct {
	tasks    task.Service
	reader   task.Reader
	workers  task.Workers
	leased   ginapi.LeasedReader
	versions version.Service
	outputs  ginapi.OutputDeps
	events   appevent.Service
	follow   output.Followers
}

type inboundParts struct {
	fx.In

	Config   Config
	Tasks    task.Service
	Reader   task.Reader
	Workers  task.Workers
	Versions version.Service
	Events   appevent.Service
	Types    *tasks.Service
	Policy   access.Policy
	Limited  limited
	Writer   output.Writer
	Output   output.Reader
	Follow   output.Followers
	Registry connection.Registry
}

func newInbound(p inboundParts) inbound {
	in := inbound{tasks: p.Tasks, reader: p.Reader, workers: p.Workers, leased: p.Reader, versions: p.Versions, events: p.Events}
	in.outputs, in.follow = ginapi.OutputDeps{Writer: p.Writer, Reader: p.Output}, p.Follow
	if p.Config.Limits.any() {
		in.tasks = limits.NewTasks(p.Config.Limits.adapter(p.Limited), p.Tasks, p.Reader)
	}
	if p.Config.Auth.Required() {
		in.tasks = guard.NewTasks(in.tasks, p.Reader, p.Types.Startable, p.Policy)
		in.reader = guard.NewReader(p.Reader, p.Policy)
		workers := guard.NewWorkers(p.Workers, p.Reader, p.Types.Known, p.Policy)
		in.workers, in.leased = workers, workers
		in.outputs = ginapi.OutputDeps{Writer: guard.NewOutputWriter(workers, p.Writer), Reader: guard.NewOutputReader(p.Output, p.Reader, p.Policy)}
		in.follow = guard.NewFollowers(p.Follow, p.Registry, p.Reader, p.Policy)
		in.versions = guard.NewVersions(p.Versions, p.Policy)
		in.events = guard.NewEvents(p.Events, p.Policy)
	}
	return in
}

type handlerParts struct {
	fx.In

	Config      Config
	Inbound     inbound
	Gate        *ginaccess.Gate
	Access      access.Service
	Credentials connection.Credentials
	Diagnosis   diagnosis.Service
	Routes      streamRoutes
	Readiness   *readiness
	Messenger   gateway.Messenger
	Operators   ginapi.OperatorDeps
	Metrics     *prometheus.Registry
	Admin       *adminServer
	Log         *slog.Logger
}

func newHandler(p handlerParts) (http.Handler, error) {
	measured, err := ginapi.NewHTTPMetrics(p.Metrics)
	if err != nil {
		return nil, err
	}
	guarded, err := ginapi.NewGuard(p.Config.guard())
	if err != nil {
		return nil, fmt.Errorf("CORS_ORIGINS: %w", err)
	}
	engine := ginapi.NewEngine(p.Log, measured, guarded)
	if err := engine.SetTrustedProxies(p.Config.HTTP.TrustedProxies.Each()); err != nil {
		return nil, fmt.Errorf("TRUSTED_PROXIES: %w", err)
	}
	if p.Config.Limits.addresses() {
		engine.Use(ginaccess.WithAddress)
	}
	p.Gate.Use(engine)
	p.Routes(engine)
	api := ginapi.New(
		ginapi.Config{Testing: p.Config.Environment == Testing, Version: BuildVersion()},
		ginapi.Deps{
			Tasks: p.Inbound.tasks, TaskReader: p.Inbound.reader, Workers: p.Inbound.workers, Leased: p.Inbound.leased, Versions: p.Inbound.versions,
			Access: p.Access, Readiness: p.Readiness.check, SendTo: p.Messenger.SendTo,
		}, p.Log)
	api.Register(engine)
	webclient.New(p.Log).Register(engine)
	if mode := p.Config.HTTP.Console; mode != ConsoleOff {
		console.New(console.Mode(mode), p.Config.Gateway.Kind == GatewayEmbedded, p.Log).Register(engine)
	}
	ginapi.NewOutputs(p.Inbound.outputs, p.Log).Register(engine)
	ginapi.NewEvents(p.Inbound.events, p.Log).Register(engine)
	ginapi.NewConnections(p.Diagnosis, p.Log).Register(engine)
	ginapi.NewFollowers(p.Inbound.follow, p.Log).Register(engine)
	ginapi.NewAccess(ginapi.AccessDeps{Access: p.Access, Connections: p.Credentials}, p.Log).Register(engine)
	ginapi.NewOperators(p.Operators, p.Log).Register(engine)

	metrics := promhttp.HandlerFor(p.Metrics, promhttp.HandlerOpts{})
	switch {
	case p.Config.HTTP.AdminAddr != "":
		p.Admin.handler = newAdminHandler(ginapi.NewEngine(p.Log, measured, guarded), api, metrics)
	case p.Config.Auth.Required():
		ginapi.RegisterProfiling(engine) // for admins
		fallthrough
	default:
		ginapi.RegisterMetrics(engine, metrics)
	}
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
