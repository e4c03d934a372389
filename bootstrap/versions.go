package bootstrap

import (
	"context"
	"log/slog"

	"go.uber.org/fx"

	"heliograph/application/pings"
	"heliograph/application/versions"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
)

// versionsModule is the version service, and the pings: what the service tells
// its clients by itself.
func versionsModule() fx.Option {
	return fx.Module("versions", provideComponents(versionComponents), fx.Provide(
		fx.Annotate(newVersions, fx.As(fx.Self()), fx.As(new(version.Service)), fx.As(new(version.Overview))),
		versions.NewState,
		newPings,
	))
}

type versionParts struct {
	fx.In

	Config    Config
	State     *versions.State
	Source    version.Source
	Pending   version.Pending
	Board     version.Board
	Nodes     cluster.Nodes
	Publisher event.Publisher
	Sender    gateway.Sender
	Log       *slog.Logger
}

func newVersions(p versionParts) *versions.Service {
	return versions.New(versions.Config{
		PollInterval: p.Config.Versions.Poll, Confirmations: p.Config.Versions.Confirmations,
		CacheTTL: p.Config.Versions.CacheTTL, MaxEventBytes: int(p.Config.Stream.MaxEvent), MaxWritten: p.Config.Gateway.maxWritten(),
	}, versions.Deps{
		State: p.State, Source: p.Source, Pending: p.Pending, Board: p.Board, Nodes: p.Nodes,
		Publisher: p.Publisher, Sender: p.Sender, Log: p.Log,
	})
}

func newPings(cfg Config, sender gateway.Sender, log *slog.Logger) *pings.Service {
	return pings.New(cfg.Stream.Ping, sender, log)
}

func versionComponents(v *versions.Service, p *pings.Service) []component {
	return []component{
		{
			Name: "versions", Phase: phaseSources,
			Start: func(ctx context.Context) error {
				v.Start(ctx) // before the first stream, which would get its version twice
				return nil
			},
			Serve: v.Serve, Drain: v.Drain,
		},
		{Name: "pings", Phase: phaseSources, Serve: p.Serve},
	}
}
