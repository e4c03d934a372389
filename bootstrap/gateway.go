package bootstrap

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/inbound/gincallback"
	"heliograph/adapters/inbound/ssestream"
	"heliograph/adapters/outbound/embeddedsender"
	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// gatewayEnd is what the rest of the wiring needs of a gateway.
type gatewayEnd struct {
	// serve carries events to streams until its context ends.
	serve func(context.Context) error
	// drain returns when what was handed over is out, and takes nothing more.
	drain func(context.Context) error
	// place is up to where in the log its streams have all, once it is drained, if it
	// is worth keeping: they outlive this process.
	place func() (id event.ID, ok bool)
	// routes adds the inbound side: the stream, or the callback.
	routes func(gin.IRouter)
	// sockets is how many of the server's sockets streams hold by themselves; nil is
	// none.
	sockets func() int
}

// gatewayModule is the choice of who holds the browsers' streams.
func gatewayModule(cfg Config) fx.Option {
	switch cfg.Gateway.Kind {
	case GatewayEmbedded:
		return fx.Module("gateway/embedded",
			fx.Provide(engineConfig, fx.Private),
			fx.Provide(
				sse.New,
				fx.Annotate(newEmbeddedSender, fx.As(new(gateway.Sender))),
				newEmbeddedEnd,
			))
	case GatewayHTTP:
		return fx.Module("gateway/http", fx.Provide(httpConfig, fx.Private), fx.Provide(
			fx.Annotate(newHTTPSender, fx.As(fx.Self()), fx.As(new(gateway.Sender))),
			newHTTPEnd,
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
		Heartbeat: cfg.Stream.Heartbeat, Ping: cfg.Stream.Ping, DrainSpread: cfg.Stream.DrainSpread, Format: sse.Format(cfg.Stream.Format),
	}
}

func newEmbeddedSender(engine *sse.Engine, reg prometheus.Registerer) (*embeddedsender.Sender, error) {
	return embeddedsender.New(engine), reg.Register(embeddedsender.NewCollector(engine))
}

func newEmbeddedEnd(cfg sse.Config, engine *sse.Engine, manager connection.Manager, log *slog.Logger) gatewayEnd {
	return gatewayEnd{
		serve:   engine.Serve,
		drain:   engine.Drain,
		place:   func() (id event.ID, ok bool) { return event.ID{}, false },
		routes:  ssestream.New(engine, cfg.Format, manager, log).Register,
		sockets: engine.Sockets,
	}
}

func httpConfig(cfg Config, start logStart) httpsender.Config {
	return httpsender.Config{
		URL: string(cfg.Gateway.URL), Secret: string(cfg.Gateway.Secret),
		Timeout: cfg.Gateway.Timeout, Parallel: cfg.Gateway.Parallel, Start: start.id, Gap: start.gap,
		Forgets: !cfg.Broker.Durable(),
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

func newHTTPEnd(cfg Config, sender *httpsender.Sender, listener gateway.Listener, history event.History,
	manager connection.Manager, log *slog.Logger,
) gatewayEnd {
	callback := gincallback.New(gincallback.Config{
		Secret: string(cfg.Gateway.CallbackSecret), RequireSecret: cfg.Environment == Production,
		Heard: sender.Heard, Incomplete: sender.Incomplete,
	}, manager, log)
	return gatewayEnd{
		serve: func(ctx context.Context) error { return sender.Serve(ctx, listener, history) },
		drain: func(ctx context.Context) error {
			sender.Drain()
			return sender.Flush(ctx)
		},
		place:  sender.Place,
		routes: callback.Register,
	}
}
