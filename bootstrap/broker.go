package bootstrap

import (
	"context"
	"crypto/rand"

	"go.uber.org/fx"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/outbound/memboard"
	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/mempending"
	"heliograph/adapters/outbound/mempublisher"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

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
	// saveResumePoint notes how far this process' streams have come, for the next start; nil is
	// nowhere.
	saveResumePoint func(context.Context, event.ID) error
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
		provideComponents(memoryComponents), memoryLog(cfg),
		fx.Provide(
			fx.Annotate(mempublisher.New, fx.As(fx.Self()), fx.As(new(event.Publisher)), fx.As(new(event.History))),
			fx.Annotate(memcontrol.New, fx.As(new(gateway.Control))), fx.Annotate(singleNode, fx.As(new(cluster.Nodes))),
			fx.Annotate(singleNodeQuestions, fx.As(new(cluster.Questions))), fx.Annotate(memnodes.NewRoll, fx.As(new(cluster.Roll))),
			fx.Annotate(memregistry.New, fx.As(new(connection.Registry)), fx.As(new(connection.Roster))),
			fx.Annotate(memtaskstore.New, fx.As(new(task.Store))),
			fx.Annotate(newMemoryOutputs, fx.As(new(output.Store))),
			fx.Annotate(func() (*mempending.Pending, error) { return mempending.New(cfg.Versions.PendingMax, pendingBytes) },
				fx.As(new(version.Pending))),
			fx.Annotate(memboard.New, fx.As(new(version.Board))),
		))
}

// memoryLog is the log that operators look at: the embedded gateway's, or else the broker's.
func memoryLog(cfg Config) fx.Option {
	if cfg.Gateway.Kind == GatewayEmbedded {
		return fx.Provide(fx.Annotate(sse.NewLogReader, fx.As(new(event.Log))))
	}
	return fx.Provide(fx.Annotate(mempublisher.NewLog, fx.As(new(event.Log))))
}

// memoryComponents says that nothing has to be waited for, and nothing can be wrong.
func memoryComponents(p *mempublisher.Publisher) []component {
	return []component{{Name: "broker", Phase: phaseBroker, Stop: p.Close, Check: healthy}}
}

// historyBytes is what the broker itself has to keep for clients that come back:
// nothing for the embedded gateway, whose log is the history.
func historyBytes(cfg Config) int {
	if cfg.Gateway.Kind == GatewayEmbedded {
		return 0
	}
	return int(cfg.Stream.History)
}
