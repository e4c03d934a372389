package bootstrap

import (
	"context"
	"crypto/rand"

	"go.uber.org/fx"

	"heliograph/adapters/outbound/memboard"
	"heliograph/adapters/outbound/mempending"
	"heliograph/adapters/outbound/mempublisher"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// brokerEnd is what the rest of the wiring needs of a broker.
type brokerEnd struct {
	// loops bring what the broker holds to this process, each until its context ends.
	loops map[string]func(context.Context) error
	// flush returns once all that was published, before the start and here, was
	// handed to the gateway.
	flush func(context.Context) error
	// progress says how far flush has come, for people.
	progress func() string
	// check returns what is wrong, nil for nothing.
	check func() error
	// left notes how far this node's streams have come, for the next start.
	left func(context.Context, event.ID) error
	// close takes no event any more.
	close func(context.Context) error
	// inherit takes over the connections of nodes that are gone until its context
	// ends, once those that are to be told of them are known.
	inherit func(context.Context) error
	// join tells the other nodes that this one is there, in place of an earlier life
	// of its name.
	join func(context.Context) error
	// leave tells the other nodes that this one is gone, once the loops have ended.
	leave func(context.Context) error
}

// pendingBytes bounds what pending versions take together: room for the default
// number of them with a changelog of three kilobytes each.
const pendingBytes = 32 << 20

// logStart is the place in the log after which this process' streams begin.
type logStart struct {
	id event.ID
	// gap says that streams which are there already may have missed events before it.
	gap bool
	// history holds what a gateway's own log may lack; nil if it lacks nothing.
	history event.History
}

// newStart returns the place before the first event of a new epoch.
func newStart() event.ID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return event.ID{Epoch: event.NewEpoch(random)}
}

// brokerModule is the choice of what puts events in order and keeps what all
// nodes share: the connections, the tasks and the pending versions.
func brokerModule(cfg Config) fx.Option {
	if cfg.Broker.Durable() {
		return natsModule(cfg)
	}
	return memoryModule(cfg)
}

// memoryModule is the broker of one node whose memory is the process's.
func memoryModule(cfg Config) fx.Option {
	start := newStart()
	return fx.Module("broker/memory",
		fx.Supply(logStart{id: start}),
		fx.Supply(fx.Private, mempublisher.Config{
			Start: start, MaxEventBytes: int(cfg.Stream.MaxEvent), HistoryBytes: historyBytes(cfg),
		}),
		fx.Provide(
			fx.Annotate(mempublisher.New, fx.As(fx.Self()), fx.As(new(event.Publisher)), fx.As(new(event.History))),
			newMemoryEnd, noControl, fx.Annotate(alone, fx.As(new(cluster.Nodes))),
			fx.Annotate(memregistry.New, fx.As(new(connection.Registry)), fx.As(new(connection.Roster))),
			fx.Annotate(memtaskstore.New, fx.As(new(task.Store))),
			fx.Annotate(func() (*mempending.Pending, error) { return mempending.New(cfg.Versions.PendingMax, pendingBytes) },
				fx.As(new(version.Pending))),
			fx.Annotate(memboard.New, fx.As(new(version.Board))),
		))
}

// newMemoryEnd says that nothing has to be waited for, and nothing can be wrong.
func newMemoryEnd(p *mempublisher.Publisher) brokerEnd {
	return brokerEnd{
		flush:    nothing,
		progress: func() string { return "it is empty" },
		check:    func() error { return nil },
		left:     func(context.Context, event.ID) error { return nil },
		close:    p.Close,
		inherit:  nothing,
		join:     nothing,
		leave:    nothing,
	}
}

// nothing is what has to be done for a broker that is this process's memory.
func nothing(context.Context) error { return nil }

// historyBytes is what the broker itself has to keep for clients that come back:
// nothing for the embedded gateway, whose log is the history.
func historyBytes(cfg Config) int {
	if cfg.Gateway.Kind == GatewayEmbedded {
		return 0
	}
	return int(cfg.Stream.History)
}
