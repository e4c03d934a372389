package bootstrap

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/http/ginaccess"
	"heliograph/adapters/inbound/gincallback"
	"heliograph/adapters/inbound/ssestream"
	"heliograph/adapters/outbound/embeddedsender"
	"heliograph/adapters/outbound/httpsender"
	lookup "heliograph/application/diagnosis"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// streamRoutes adds the gateway's inbound side: the stream, or the callback.
type streamRoutes func(gin.IRouter)

// socketCount is how many of the server's sockets streams hold by themselves; nil is
// none.
type socketCount func() int

// gatewayModule is the choice of what holds the browsers' streams.
func gatewayModule(cfg Config) fx.Option {
	switch cfg.Gateway.Kind {
	case GatewayEmbedded:
		return fx.Module("gateway/embedded",
			fx.Provide(engineConfig, fx.Private),
			fx.Provide(
				sse.New,
				fx.Annotate(newEmbeddedSender, fx.As(new(gateway.Sender)), fx.As(new(diagnosis.Streams))),
				func(engine *sse.Engine) socketCount { return engine.Sockets },
				embeddedRoutes,
			),
			provideComponents(embeddedComponents))
	case GatewayHTTP:
		return fx.Module("gateway/http", provideComponents(httpComponents), fx.Supply(socketCount(nil)), fx.Provide(httpConfig, fx.Private), fx.Provide(
			fx.Annotate(newHTTPSender, fx.As(fx.Self()), fx.As(new(gateway.Sender)), fx.As(new(diagnosis.Streams))),
			callbackRoutes,
		))
	default:
		return fx.Error(fmt.Errorf("SSE_GATEWAY: unknown gateway %q", cfg.Gateway.Kind))
	}
}

func engineConfig(cfg Config, start logStart) sse.Config {
	shards := 0 // one per processor
	if cfg.Stream.Transport == TransportPortable {
		shards = -1
	}
	return sse.Config{
		Shards: shards,
		Start:  start.id, History: start.history, HistoryBytes: int(cfg.Stream.History), MaxStreams: maxStreams(cfg.Stream.MaxConnections),
		Heartbeat: cfg.Stream.Heartbeat, Ping: cfg.Stream.Ping, DrainSpread: cfg.Stream.DrainSpread, Format: wire.Format(cfg.Stream.Format),
	}
}

func newEmbeddedSender(engine *sse.Engine, reg prometheus.Registerer) (*embeddedsender.Sender, error) {
	return embeddedsender.New(engine), reg.Register(embeddedsender.NewCollector(engine))
}

func embeddedRoutes(cfg sse.Config, engine *sse.Engine, manager inboundManager, gate *ginaccess.Gate, book *lookup.Book, log *slog.Logger) streamRoutes {
	return ssestream.New(engine, cfg.Format, manager, gate, book.Refused, log).Register
}

func embeddedComponents(engine *sse.Engine) []component {
	return []component{{Name: "gateway", Phase: phaseGateway, Serve: engine.Serve, Stop: within(engine.Drain), Check: healthy}}
}

func httpConfig(cfg Config, start logStart) httpsender.Config {
	return httpsender.Config{
		URL: string(cfg.Gateway.URL), Secret: string(cfg.Gateway.Secret),
		Timeout: cfg.Gateway.Timeout, Parallel: cfg.Gateway.Parallel, Start: start.id, Gap: start.gap,
		Forgets: !cfg.Broker.Durable(), Shared: cfg.Broker.Cluster(), History: int(cfg.Stream.History),
	}
}

func newHTTPSender(cfg httpsender.Config, roster connection.Roster, m gateway.Metrics, reg prometheus.Registerer,
	log *slog.Logger,
) (*httpsender.Sender, error) {
	sender, err := httpsender.New(cfg, roster, m, log)
	if err != nil {
		return nil, fmt.Errorf("SSE_GATEWAY_URL: %w", err)
	}
	return sender, reg.Register(httpsender.NewCollector(sender))
}

func callbackRoutes(cfg Config, sender *httpsender.Sender, manager inboundManager, gate *ginaccess.Gate, book *lookup.Book, log *slog.Logger) streamRoutes {
	return gincallback.New(gincallback.Config{
		Secret: string(cfg.Gateway.CallbackSecret), RequireSecret: cfg.Environment == Production,
		OnCallback: sender.Heard, Incomplete: sender.Incomplete, Gate: gate, Refused: book.Refused,
	}, manager, log).Register
}

// httpComponents has no check: a gateway elsewhere is not among what readiness asks.
func httpComponents(sender *httpsender.Sender, listener gateway.Listener, history event.History, start logStart) []component {
	return []component{
		{
			Name: "gateway", Phase: phaseGateway,
			Serve: func(ctx context.Context) error { return sender.Serve(ctx, listener, history) },
			Stop: within(func(ctx context.Context) error {
				sender.Drain()
				return sender.Flush(ctx)
			}),
		},
		{
			Name: "resume point", Phase: phaseResumePoint,
			Stop: func(ctx context.Context) error {
				if place, ok := sender.Place(); ok && start.saveResumePoint != nil {
					return start.saveResumePoint(ctx, place)
				}
				return nil
			},
		},
	}
}
