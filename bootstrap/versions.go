package bootstrap

import (
	"log/slog"

	"go.uber.org/fx"

	"heliograph/application/delivery"
	"heliograph/application/pings"
	"heliograph/application/versions"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
)

// versionsModule is the version service, and the pings: what the service tells
// its clients by itself.
func versionsModule() fx.Option {
	return fx.Module("versions", fx.Provide(
		fx.Annotate(newVersions, fx.As(fx.Self()), fx.As(new(version.Service))),
		newPings,
	))
}

func newVersions(cfg Config, source version.Source, pending version.Pending,
	dispatcher *delivery.Dispatcher, sender gateway.Sender, log *slog.Logger,
) *versions.Service {
	return versions.New(versions.Config{
		PollInterval: cfg.Versions.Poll, Confirmations: cfg.Versions.Confirmations,
		CacheTTL: cfg.Versions.CacheTTL, MaxEventBytes: int(cfg.Stream.MaxEvent),
	}, source, pending, dispatcher, sender, log)
}

func newPings(cfg Config, sender gateway.Sender, log *slog.Logger) *pings.Service {
	return pings.New(cfg.Stream.Ping, sender, log)
}
