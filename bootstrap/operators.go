package bootstrap

import (
	"context"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/application/logs"
	allnodes "heliograph/application/overview"
	"heliograph/application/tasks"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/overview"
	"heliograph/domain/version"
)

// operatorsModule is what those who run the service look at (rules W5, W7).
func operatorsModule() fx.Option {
	return fx.Module("operators", fx.Provide(
		fx.Annotate(logs.New, fx.As(new(event.LogReader))),
		fx.Annotate(newOverview, fx.As(new(overview.Service))),
		newOperatorDeps, newIdentity,
	))
}

type operatorParts struct {
	fx.In

	Config    Config
	Self      cluster.Identity
	Readiness *readiness
	Log       event.LogReader
	Overview  overview.Service
	Versions  version.Overview
}

type overviewParts struct {
	fx.In

	Self      cluster.Identity
	Roll      cluster.Roll
	Questions cluster.Questions
	Tasks     *tasks.Service
	Roster    connection.Roster
	Readiness *readiness
}

func newOverview(p overviewParts) *allnodes.Service {
	return allnodes.New(allnodes.Deps{
		Self: p.Self.Node, Roll: p.Roll, Questions: p.Questions, Tasks: p.Tasks.Overview(), Reader: p.Tasks, Ready: p.Readiness.ready, Connections: p.Roster.Count,
	})
}

// kind is how operators know the broker.
func (c BrokerConfig) kind() string {
	switch {
	case c.Cluster():
		return "nats"
	case c.Durable():
		return "disk"
	default:
		return "memory"
	}
}

// newIdentity is this start of this node.
func newIdentity(cfg Config) cluster.Identity {
	build := ThisBuild()
	return cluster.Identity{Node: cfg.NodeName, Version: build.Version, Revision: build.Revision, Started: time.Now()}
}

func newOperatorDeps(p operatorParts) ginapi.OperatorDeps {
	source, _ := chooseSource(p.Config.Versions)
	return ginapi.OperatorDeps{
		Versions: p.Versions, Source: source,
		Log: p.Log, Overview: p.Overview, Broker: p.Config.Broker.kind(), Self: p.Self, Settings: p.Config.Settings,
		Checks: func(context.Context) []ginapi.Check { return p.Readiness.look() },
	}
}
