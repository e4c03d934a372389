package bootstrap

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/natscontrol"
	"heliograph/adapters/outbound/natsnodes"
	"heliograph/adapters/outbound/natspending"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/adapters/outbound/natsregistry"
	"heliograph/adapters/outbound/natstaskstore"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

const (
	// openTime is for opening the broker, above all for reading back what it holds.
	openTime = 30 * time.Second
	// historyAge bounds the log beside SSE_HISTORY_BYTES: who was away for longer
	// begins anew.
	historyAge = 24 * time.Hour
	// historyFactor makes room for what NATS keeps beside an event's payload, so that
	// the log holds no less than the embedded gateway's does.
	historyFactor = 2
)

// natsModule is the broker that outlives the process: NATS JetStream.
func natsModule(cfg Config) fx.Option {
	return fx.Module("broker/nats", registryOption(cfg), clusterOption(cfg), fx.Provide(
		openNATS,
		fx.Annotate(openLog, fx.As(fx.Self()), fx.As(new(event.History))),
		func(log *natspublisher.Log) logStart { return logStart(log.Start()) },
		fx.Annotate(newPublisher, fx.As(fx.Self()), fx.As(new(event.Publisher))),
		fx.Annotate(openTaskStore, fx.As(fx.Self()), fx.As(new(task.Store))),
		fx.Annotate(openPending, fx.As(new(version.Pending))),
	))
}

// registryOption shares the connections with the other nodes, and keeps those of
// an external gateway, whose streams live on while we restart (rule C8). Those of
// the embedded one end with this process, and alone so may their registry.
func registryOption(cfg Config) fx.Option {
	if cfg.Gateway.Kind == GatewayEmbedded && !cfg.Broker.Cluster() {
		return fx.Provide(fx.Annotate(memregistry.New, fx.As(new(connection.Registry)), fx.As(new(connection.Roster))))
	}
	return fx.Provide(fx.Annotate(openRegistry, fx.As(new(connection.Registry)), fx.As(new(connection.Roster))))
}

// clusterOption is the way to other nodes, if there are any.
func clusterOption(cfg Config) fx.Option {
	if !cfg.Broker.Cluster() {
		return fx.Provide(noControl, fx.Annotate(alone, fx.As(new(cluster.Nodes))), newNATSEnd)
	}
	return fx.Provide(
		fx.Annotate(openNodes, fx.As(fx.Self()), fx.As(new(cluster.Nodes))),
		fx.Annotate(openControl, fx.As(fx.Self()), fx.As(new(gateway.Control))),
		newClusterEnd,
	)
}

// noControl: there is no other node.
func noControl() gateway.Control { return nil }

// opened collects what has to be closed at the very end, or if nothing ever
// starts.
type opened struct{ closers []func() error }

func openNATS(cfg Config, log *slog.Logger, o *opened) (*natspublisher.Broker, error) {
	ctx, cancel := opening()
	defer cancel()
	broker, err := natspublisher.OpenBroker(ctx, natspublisher.BrokerConfig{
		Dir: cfg.Broker.DataDir, URL: string(cfg.Broker.NATSURL), Creds: cfg.Broker.NATSCreds, Name: cfg.NodeName,
	}, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Broker.variable(), err)
	}
	o.closers = append(o.closers, broker.Close)
	return broker, nil
}

// variable is the one that has chosen the broker.
func (c BrokerConfig) variable() string {
	if c.Cluster() {
		return "NATS_URL"
	}
	return "DATA_DIR"
}

// opening is the context of whatever opens something; fx has none for it.
func opening() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), openTime)
}

func openLog(cfg Config, broker *natspublisher.Broker) (*natspublisher.Log, error) {
	ctx, cancel := opening()
	defer cancel()
	return natspublisher.OpenLog(ctx, broker, natspublisher.LogConfig{
		MaxBytes: historyFactor * int64(cfg.Stream.History), MaxAge: historyAge,
		Replay: cfg.Gateway.Kind == GatewayEmbedded, // an external gateway has sent it already
	})
}

func newPublisher(cfg Config, events *natspublisher.Log, receiver event.Receiver, log *slog.Logger) (*natspublisher.Publisher, error) {
	return natspublisher.New(events, int(cfg.Stream.MaxEvent), receiver, log)
}

// openRegistry opens the registry and sees to what an earlier life of this node
// has left in it. Alone, all is this node's: the host's name may be another one
// each time.
func openRegistry(cfg Config, broker *natspublisher.Broker, m connection.Metrics) (*natsregistry.Registry, error) {
	ctx, cancel := opening()
	defer cancel()
	node := ""
	if cfg.Broker.Cluster() {
		node = cfg.NodeName
	}
	registry, err := natsregistry.Open(ctx, broker, node)
	if err != nil {
		return nil, err
	}
	leftovers := registry.Adopt
	if cfg.Gateway.Kind == GatewayEmbedded {
		leftovers = registry.Clear
	}
	if err := leftovers(ctx); err != nil {
		return nil, err
	}
	for range registry.Count() {
		m.Connected()
	}
	return registry, nil
}

// alone is the cluster of one node.
func alone(cfg Config) memnodes.Nodes { return memnodes.New(newLife(cfg)) }

// newLife is this start of the process.
func newLife(cfg Config) cluster.Life { return cluster.NewLife(cfg.NodeName, rand.Text()) }

func openNodes(cfg Config, broker *natspublisher.Broker, log *slog.Logger) (*natsnodes.Nodes, error) {
	ctx, cancel := opening()
	defer cancel()
	return natsnodes.Open(ctx, broker, newLife(cfg), cfg.Broker.NodeLease, log)
}

func openControl(cfg Config, broker *natspublisher.Broker, log *slog.Logger) (*natscontrol.Control, error) {
	return natscontrol.Open(broker, cfg.NodeName, log)
}

func openTaskStore(cfg Config, broker *natspublisher.Broker, log *slog.Logger) (*natstaskstore.Store, error) {
	ctx, cancel := opening()
	defer cancel()
	return natstaskstore.Open(ctx, broker, cfg.NodeName, log)
}

func openPending(cfg Config, broker *natspublisher.Broker) (*natspending.Pending, error) {
	ctx, cancel := opening()
	defer cancel()
	return natspending.Open(ctx, broker, cfg.Versions.PendingMax)
}

func newNATSEnd(broker *natspublisher.Broker, publisher *natspublisher.Publisher, store *natstaskstore.Store) brokerEnd {
	return brokerEnd{
		loops: map[string]func(context.Context) error{"event log": publisher.Serve, "task store": store.Serve},
		flush: publisher.Flush,
		check: broker.Check,
		close: publisher.Close,
		leave: func(context.Context) error { return nil },
	}
}

func newClusterEnd(broker *natspublisher.Broker, publisher *natspublisher.Publisher, store *natstaskstore.Store,
	nodes *natsnodes.Nodes, control *natscontrol.Control, sender gateway.Sender,
) brokerEnd {
	end := newNATSEnd(broker, publisher, store)
	end.loops["node lease"] = nodes.Serve
	end.leave = nodes.Leave
	end.loops["node control"] = func(ctx context.Context) error { return control.Serve(ctx, sender) }
	return end
}
