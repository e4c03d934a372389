package bootstrap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/memquestions"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/natsboard"
	"heliograph/adapters/outbound/natscontrol"
	"heliograph/adapters/outbound/natsnodes"
	"heliograph/adapters/outbound/natspending"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/adapters/outbound/natsquestions"
	"heliograph/adapters/outbound/natsregistry"
	"heliograph/adapters/outbound/natstaskstore"
	"heliograph/adapters/outbound/prommetrics"
	"heliograph/application/connections"
	"heliograph/application/connections/orphans"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

const (
	// openTime is for reaching NATS, and for opening one of the things that it holds:
	// servers that start have no leader for some seconds.
	openTime = 30 * time.Second
	// historyAge bounds the log beside SSE_HISTORY_BYTES: a client that was away for
	// longer gets a stream_reset.
	historyAge = 24 * time.Hour
	// historyFactor makes room for what NATS keeps beside an event's payload, so that
	// the log holds no less than the embedded gateway's does.
	historyFactor = 2
)

// natsModule is the broker that outlives the process: NATS JetStream.
func natsModule(cfg Config) fx.Option {
	return fx.Module("broker/nats", registryOption(cfg), clusterOption(cfg), provideComponents(natsComponents), fx.Provide(
		openNATS,
		fx.Annotate(openLog, fx.As(fx.Self()), fx.As(new(event.History)), fx.As(new(event.Log))),
		func(cfg Config, log *natspublisher.Log) logStart {
			return logStart{id: log.Start(), gap: cfg.Gateway.Kind == GatewayHTTP && !log.Resumed(), history: log, saveResumePoint: log.SaveResumePoint}
		},
		fx.Annotate(newPublisher, fx.As(fx.Self()), fx.As(new(event.Publisher))),
		fx.Annotate(openTaskStore, fx.As(fx.Self()), fx.As(new(task.Store))),
		fx.Annotate(openOutputs, fx.As(new(output.Store))),
		fx.Annotate(openPending, fx.As(new(version.Pending))),
		fx.Annotate(openBoard, fx.As(new(version.Board))),
	))
}

// registryOption shares the connections with the other nodes, and keeps those of
// an external gateway, whose streams live on while we restart (rule C8). Those of
// the embedded one end with this process, and alone so may their registry.
func registryOption(cfg Config) fx.Option {
	if cfg.Gateway.Kind == GatewayEmbedded && !cfg.Broker.Cluster() {
		return fx.Provide(fx.Annotate(memregistry.New, fx.As(new(connection.Registry)), fx.As(new(connection.Roster))))
	}
	return fx.Provide(fx.Annotate(openRegistry, fx.As(fx.Self()), fx.As(new(connection.Registry)), fx.As(new(connection.Roster))))
}

// clusterOption is the way to other nodes, if there are any.
func clusterOption(cfg Config) fx.Option {
	if !cfg.Broker.Cluster() {
		return fx.Provide(fx.Annotate(memcontrol.New, fx.As(new(gateway.Control))), fx.Annotate(singleNode, fx.As(new(cluster.Nodes))),
			fx.Annotate(singleNodeQuestions, fx.As(new(cluster.Questions))), fx.Annotate(memnodes.NewRoll, fx.As(new(cluster.Roll))))
	}
	return fx.Options(provideComponents(clusterComponents), fx.Provide(
		fx.Annotate(openNodes, fx.As(fx.Self()), fx.As(new(cluster.Nodes)), fx.As(new(cluster.Roll))),
		fx.Annotate(openControl, fx.As(fx.Self()), fx.As(new(gateway.Control))),
		fx.Annotate(openQuestions, fx.As(fx.Self()), fx.As(new(cluster.Questions))),
	))
}

// opened collects what has to be closed at the very end, or if nothing ever
// starts.
type opened struct{ closers []func() error }

func openNATS(cfg Config, m *prommetrics.Metrics, log *slog.Logger, o *opened, start startContext, front *front) (*natsbroker.Broker, error) {
	ctx := start() // reading back what a folder holds takes as long as it takes
	if cfg.Broker.Cluster() {
		limited, cancel := start.opening()
		defer cancel()
		ctx = limited
		front.starting.waitsFor("NATS to be reached")
	}
	broker, err := natsbroker.Open(ctx, natsbroker.Config{
		Dir: cfg.Broker.DataDir, URL: string(cfg.Broker.NATSURL), Name: cfg.NodeName, Waiting: front.starting.waitsFor,
		Creds: cfg.Broker.NATSCreds, CA: cfg.Broker.NATSCA, Cert: cfg.Broker.NATSCert, Key: cfg.Broker.NATSKey,
	}, log)
	if err != nil {
		return nil, cfg.Broker.unreachable(err)
	}
	o.closers = append(o.closers, broker.Close)
	return broker, m.WatchUnreadable(broker.Unreadable)
}

// unreachable is err with what the variable should have said.
func (c BrokerConfig) unreachable(err error) error {
	if c.Cluster() {
		return fmt.Errorf("NATS_URL: %q must be NATS servers that can be reached: %w", c.NATSURL, err)
	}
	return fmt.Errorf("DATA_DIR: %q must be a folder that this process can write to, and no other has: %w", c.DataDir, err)
}

// cannotOpen is err with what the operator has to look at.
func (c BrokerConfig) cannotOpen(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case !c.Cluster():
		return fmt.Errorf("DATA_DIR: the %s in %q cannot be opened: %w", what, c.DataDir, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("NATS_URL: the %s cannot be opened: JetStream gives no answer; it must be on, and most of its servers there: %w", what, err)
	default:
		return fmt.Errorf("NATS_URL: the %s cannot be opened: %w", what, err)
	}
}

// opening is the context of whatever opens something; fx has none for it.
func (c startContext) opening() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c(), openTime)
}

func openLog(cfg Config, broker *natsbroker.Broker, start startContext) (*natspublisher.Log, error) {
	ctx, cancel := start.opening()
	defer cancel()
	want := natspublisher.LogConfig{MaxBytes: historyFactor * int64(cfg.Stream.History), MaxAge: historyAge}
	switch {
	case cfg.Gateway.Kind == GatewayEmbedded:
		want.Replay = true
	case !cfg.Broker.Cluster(): // there, orphans.Takeover tells the clients what they may have missed
		want.Reader = "gateway"
	}
	log, err := natspublisher.OpenLog(ctx, broker, want)
	return log, cfg.Broker.cannotOpen("log", err)
}

func newPublisher(cfg Config, events *natspublisher.Log, receiver event.Receiver, log *slog.Logger) (*natspublisher.Publisher, error) {
	return natspublisher.New(events, int(cfg.Stream.MaxEvent), receiver, log)
}

// openRegistry opens the registry. Alone, all is this node's that an earlier life of
// it has left: the host's name may be another one each time. In a cluster
// orphans.Takeover does that.
func openRegistry(cfg Config, broker *natsbroker.Broker, m connection.Metrics, log *slog.Logger, o *opened, start startContext) (*natsregistry.Registry, error) {
	ctx, cancel := start.opening()
	defer cancel()
	registry, err := natsregistry.Open(ctx, broker, natsregistry.Config{
		Node: nodeIn(cfg), Index: cfg.Broker.Cluster() && cfg.Gateway.Kind == GatewayHTTP,
	}, log)
	if err != nil {
		return nil, cfg.Broker.cannotOpen("registry", err)
	}
	o.closers = append(o.closers, func() error { return flushRegistry(registry) })
	if !cfg.Broker.Cluster() {
		err = registry.AdoptRecorded(ctx)
	}
	if err != nil {
		return nil, cfg.Broker.cannotOpen("registry", err)
	}
	for range registry.Count() {
		m.Connected()
	}
	return registry, nil
}

// flushTime is for what has ended to leave the registry.
const flushTime = 2 * time.Second

// flushRegistry gives up what takes too long: it goes when this node has left.
func flushRegistry(registry *natsregistry.Registry) error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	_ = registry.Flush(ctx)
	return nil
}

// nodeIn is this node's name among the nodes that share what the broker holds, "" if
// there is one only.
func nodeIn(cfg Config) string {
	if cfg.Broker.Cluster() {
		return cfg.NodeName
	}
	return ""
}

// singleNode is the cluster of one node.
func singleNode(cfg Config) memnodes.Nodes { return memnodes.New(newLife(cfg)) }

// singleNodeQuestions asks the one node.
func singleNodeQuestions(cfg Config, log *slog.Logger) *memquestions.Questions {
	return memquestions.New(cfg.NodeName, log)
}

// newLife is this start of the process.
func newLife(cfg Config) cluster.Life { return cluster.NewLife(cfg.NodeName, rand.Text()) }

func openNodes(cfg Config, broker *natsbroker.Broker, self cluster.Identity, log *slog.Logger, start startContext) (*natsnodes.Nodes, error) {
	ctx, cancel := start.opening()
	defer cancel()
	nodes, err := natsnodes.Open(ctx, broker, newLife(cfg), self, cfg.Broker.NodeLease, log)
	return nodes, cfg.Broker.cannotOpen("list of nodes", err)
}

func openControl(cfg Config, broker *natsbroker.Broker, log *slog.Logger) (*natscontrol.Control, error) {
	control, err := natscontrol.Open(broker, cfg.NodeName, log)
	return control, cfg.Broker.cannotOpen("way to other nodes", err)
}

func openQuestions(cfg Config, broker *natsbroker.Broker, nodes *natsnodes.Nodes, log *slog.Logger) (*natsquestions.Questions, error) {
	questions, err := natsquestions.Open(broker, nodes, log)
	return questions, cfg.Broker.cannotOpen("way to other nodes", err)
}

func openTaskStore(cfg Config, broker *natsbroker.Broker, start startContext) (*natstaskstore.Store, error) {
	ctx, cancel := start.opening()
	defer cancel()
	store, err := natstaskstore.Open(ctx, broker, cfg.NodeName)
	return store, cfg.Broker.cannotOpen("task store", err)
}

func openPending(cfg Config, broker *natsbroker.Broker, start startContext) (*natspending.Pending, error) {
	ctx, cancel := start.opening()
	defer cancel()
	pending, err := natspending.Open(ctx, broker, cfg.Versions.PendingMax, pendingBytes)
	return pending, cfg.Broker.cannotOpen("pending versions", err)
}

func openBoard(cfg Config, broker *natsbroker.Broker, start startContext) (*natsboard.Board, error) {
	ctx, cancel := start.opening()
	defer cancel()
	board, err := natsboard.Open(ctx, broker)
	return board, cfg.Broker.cannotOpen("current version", err)
}

func natsComponents(broker *natsbroker.Broker, publisher *natspublisher.Publisher, store *natstaskstore.Store, front *front) []component {
	return []component{
		{Name: "broker", Phase: phaseBroker, Serve: broker.Serve, Check: broker.Check},
		{Name: "event log", Phase: phaseBroker, Serve: publisher.Serve, Stop: publisher.Close},
		{Name: "task store", Phase: phaseBroker, Serve: store.Serve},
		{
			Name: "events", Phase: phaseLog,
			Start: func(ctx context.Context) error {
				front.starting.waitsForWhat(func() string { return "the log to be read: " + publisher.Progress() })
				return publisher.Flush(ctx)
			},
			Stop: within(publisher.Flush),
		},
	}
}

type clusterParts struct {
	fx.In

	Config    Config
	Nodes     *natsnodes.Nodes
	Control   *natscontrol.Control
	Questions *natsquestions.Questions
	Registry  *natsregistry.Registry
	Manager   *connections.Manager
	Front     *front
	Log       *slog.Logger
}

func clusterComponents(p clusterParts) []component {
	takeover := orphans.New(orphans.Config{
		Interval: p.Config.Broker.heartbeatInterval(), Adopt: p.Config.Gateway.Kind == GatewayHTTP,
	}, orphans.Deps{Orphans: p.Registry, Registry: p.Registry, Connections: p.Manager, Nodes: p.Nodes, Log: p.Log})
	return []component{
		{
			Name: "cluster", Phase: phaseCluster,
			Start: func(ctx context.Context) error {
				p.Front.starting.waitsFor("the other nodes to know of it")
				return p.Nodes.Join(ctx)
			},
			Stop: func(ctx context.Context) error { return leave(ctx, p.Nodes) },
		},
		{Name: "node lease", Phase: phaseBroker, Serve: p.Nodes.Serve},
		{Name: "connections", Phase: phaseBroker, Serve: p.Registry.Serve},
		{Name: "node control", Phase: phaseBroker, Serve: func(ctx context.Context) error { return p.Control.Serve(ctx, connections.NewPeer(p.Manager)) }},
		{Name: "questions of nodes", Phase: phaseBroker, Serve: p.Questions.Serve},
		{Name: "orphans", Phase: phaseTakeover, Serve: takeover.Serve},
	}
}

// leaveTime is for the word that this node is gone. It is always there, for without
// that word the others wait for the node's lease to end.
const leaveTime = 3 * time.Second

func leave(ctx context.Context, nodes *natsnodes.Nodes) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	return nodes.Leave(ctx)
}
