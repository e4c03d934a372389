package bootstrap

import (
	"context"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/application/logs"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
)

// operatorsModule is what those who run the service look at (rules W5, W7).
func operatorsModule() fx.Option {
	return fx.Module("operators", fx.Provide(
		fx.Annotate(logs.New, fx.As(new(event.LogReader))),
		newOperatorDeps, newIdentity,
	))
}

type operatorParts struct {
	fx.In

	Config    Config
	Self      cluster.Identity
	Readiness *readiness
	Log       event.LogReader
}

// newIdentity is this start of this node.
func newIdentity(cfg Config) cluster.Identity {
	build := ThisBuild()
	return cluster.Identity{Node: cfg.NodeName, Version: build.Version, Revision: build.Revision, Started: time.Now()}
}

func newOperatorDeps(p operatorParts) ginapi.OperatorDeps {
	return ginapi.OperatorDeps{
		Log: p.Log, Self: p.Self, Settings: p.Config.Settings,
		Checks: func(context.Context) []ginapi.Check { return p.Readiness.look() },
	}
}
