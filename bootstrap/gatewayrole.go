package bootstrap

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/fx"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/inbound/gatewayrole"
	"heliograph/adapters/outbound/embeddedsender"
	"heliograph/adapters/outbound/httpbackend"
	"heliograph/application/relay"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// NewGatewayRole wires the gateway role. It starts nothing. Errors and more: as
// for New.
func NewGatewayRole(cfg GatewayRoleConfig, log *slog.Logger, more ...fx.Option) (*App, error) {
	app := &App{opened: &opened{}}
	inOrder := func(lc fx.Lifecycle, p roleParts) {
		life := newRoleLifecycle(p)
		app.addr, app.failed = p.Servers.public.Addr, life.failed
		lc.Append(fx.StartStopHook(life.start, life.stop))
	}
	app.fx = fx.New(GatewayRoleGraph(cfg, log), fx.StopTimeout(cfg.ShutdownGrace), fx.Options(more...), fx.Invoke(inOrder))
	if err := app.fx.Err(); err != nil {
		return nil, cause(err)
	}
	return app, nil
}

// GatewayRoleDotGraph is DotGraph for the gateway role.
func GatewayRoleDotGraph(cfg GatewayRoleConfig, log *slog.Logger) (string, error) {
	var graph fx.DotGraph
	err := fx.New(GatewayRoleGraph(cfg, log), fx.Populate(&graph)).Err()
	return string(graph), err
}

// GatewayRoleGraph is everything that the gateway role is made of. cfg must be
// one that LoadGatewayRole returned.
func GatewayRoleGraph(cfg GatewayRoleConfig, log *slog.Logger) fx.Option {
	return fx.Options(
		fx.Supply(cfg, log, roleEngineConfig(cfg)),
		fx.WithLogger(newFxLogger),
		fx.Provide(
			func() gateway.Metrics { return unmeasured{} },
			sse.New,
			fx.Annotate(newBackend, fx.As(fx.Self()), fx.As(new(gateway.Backend))),
			fx.Annotate(newRelay, fx.As(fx.Self()), fx.As(new(gateway.Relay))),
			newGatewayRole,
			newRegistry,
			newRoleServers,
		),
	)
}

// unmeasured is the gateway.Metrics of the gateway role, which does not know which
// service an event belongs to.
type unmeasured struct{}

func (unmeasured) Sent(event.Service, int, int)      {}
func (unmeasured) Took(event.Service, time.Duration) {}

func roleEngineConfig(cfg GatewayRoleConfig) sse.Config {
	shards := 0 // one per processor
	if cfg.Stream.Transport == TransportPortable {
		shards = -1
	}
	return sse.Config{
		Start: newStart(), HistoryBytes: int(cfg.Stream.History), MaxStreams: maxStreams(cfg.Stream.MaxConnections),
		Heartbeat: cfg.heartbeat(), DrainSpread: cfg.Stream.DrainSpread, Format: wire.Format(cfg.Stream.Format), Shards: shards,
	}
}

func newBackend(cfg GatewayRoleConfig, lc fx.Lifecycle) (*httpbackend.Backend, error) {
	b, err := httpbackend.New(httpbackend.Config{URL: string(cfg.CallbackURL)})
	if err != nil {
		return nil, fmt.Errorf("CALLBACK_URL: %w", err)
	}
	lc.Append(fx.StopHook(b.Close))
	return b, nil
}

func newRelay(backend gateway.Backend, log *slog.Logger) *relay.Relay {
	return relay.New(relay.Config{}, backend, log)
}

func newGatewayRole(cfg GatewayRoleConfig, engine *sse.Engine, r gateway.Relay, log *slog.Logger) *gatewayrole.Gateway {
	return gatewayrole.New(gatewayrole.Config{
		Format: wire.Format(cfg.Stream.Format), Configured: cfg.CallbackURL != "",
		Secret: string(cfg.InternalSecret), Separate: cfg.InternalAddr != "", Plain: cfg.Extensions == ExtensionsNone,
	}, engine, r, log)
}

// roleServers are the listeners: one, or a second for the backend's endpoints.
type roleServers struct {
	public   *httpserver.Server
	internal *httpserver.Server // nil: there is one only
}

func (s roleServers) all() []*httpserver.Server {
	if s.internal == nil {
		return []*httpserver.Server{s.public}
	}
	return []*httpserver.Server{s.public, s.internal}
}

func newRoleServers(
	cfg GatewayRoleConfig, role *gatewayrole.Gateway, engine *sse.Engine, reg *prometheus.Registry, log *slog.Logger,
) (roleServers, error) {
	limit := httpserver.DescriptorLimits().Connections
	public := httpserver.Config{Variable: "PORT", Addr: cfg.addr(), MaxConnections: limit, Sockets: engine.Sockets}
	s := roleServers{public: httpserver.New(public, role.Handler(), log)}
	if cfg.InternalAddr == "" {
		return s, nil
	}
	// The backend's few connections count for themselves: browsers cannot keep it out.
	internal := httpserver.Config{Variable: "INTERNAL_ADDR", Addr: cfg.InternalAddr, MaxConnections: limit}
	metrics := promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	s.internal = httpserver.New(internal, role.InternalHandler(metrics), log)
	return s, reg.Register(embeddedsender.NewCollector(engine))
}
