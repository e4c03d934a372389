package bootstrap

import (
	"context"
	"crypto/rand"

	"go.uber.org/fx"

	"heliograph/adapters/outbound/mempending"
	"heliograph/adapters/outbound/mempublisher"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// brokerEnd is what the lifecycle needs of a broker.
type brokerEnd struct {
	close func(context.Context) error
}

// newStart returns the place before the first event of a new epoch.
func newStart() event.ID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return event.ID{Epoch: event.NewEpoch(random)}
}

// brokerModule is the choice of what puts events in order and keeps what all
// nodes share: the connections, the tasks and the pending versions. So far
// there is one choice, this process's memory, and so one node.
func brokerModule(cfg Config, start event.ID) fx.Option {
	return fx.Module("broker/memory",
		fx.Supply(fx.Private, mempublisher.Config{Start: start, MaxEventBytes: int(cfg.Stream.MaxEvent)}),
		fx.Provide(
			fx.Annotate(mempublisher.New, fx.As(fx.Self()), fx.As(new(event.Publisher))),
			func(p *mempublisher.Publisher) brokerEnd { return brokerEnd{close: p.Close} },
			fx.Annotate(memregistry.New, fx.As(new(connection.Registry)), fx.As(new(connection.Roster))),
			fx.Annotate(memtaskstore.New, fx.As(new(task.Store))),
			fx.Annotate(func() (*mempending.Pending, error) { return mempending.New(cfg.Versions.PendingMax) },
				fx.As(new(version.Pending))),
		))
}
