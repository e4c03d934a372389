package env_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.uber.org/fx"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/outbound/natscontrol"
	"heliograph/adapters/outbound/natsregistry"
	"heliograph/bootstrap"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/test/contract/controlcontract"
	"heliograph/test/contract/historycontract"
	"heliograph/test/contract/logcontract"
	"heliograph/test/contract/nodescontract"
	"heliograph/test/contract/orphanscontract"
	"heliograph/test/contract/outputcontract"
	"heliograph/test/contract/publishercontract"
	"heliograph/test/contract/registrycontract"
	"heliograph/test/contract/taskstorecontract"
)

func TestRegistry(t *testing.T) {
	runSuite(t, "registrycontract", func(t *testing.T, e environment) {
		registrycontract.Run(t, func(t *testing.T) (s registrycontract.Subject) {
			var cfg bootstrap.Config
			e.build(t, nil, &s.Registry, &s.Roster, &cfg)
			s.Node = cfg.NodeName
			return s
		})
	})
}

func TestTaskStore(t *testing.T) {
	runSuite(t, "taskstorecontract", func(t *testing.T, e environment) {
		taskstorecontract.Run(t, func(t *testing.T) (s taskstorecontract.Subject) {
			e.build(t, nil, &s.Store)
			return s
		})
	})
}

func TestOutputStore(t *testing.T) {
	runSuite(t, "outputcontract", func(t *testing.T, e environment) {
		outputcontract.Run(t, func(t *testing.T) outputcontract.Subject {
			s := outputcontract.Subject{Tail: output.MinTail}
			e.build(t, map[string]string{"TASK_OUTPUT_BYTES": "64KiB"}, &s.Store)
			s.Other = s.Store
			return s
		})
	})
}

func TestPublisher(t *testing.T) {
	runSuite(t, "publishercontract", func(t *testing.T, e environment) {
		publishercontract.Run(t, e.publisher)
	})
	in(t, lasting, func(t *testing.T, e environment) {
		publishercontract.RunLasting(t, e.publisher)
	})
}

func (e environment) publisher(t *testing.T) publishercontract.Subject {
	t.Helper()
	var publisher event.Publisher
	seen := newRecorder()
	cfg := e.config(t, nil)
	watch := fx.Decorate(seen.before)
	wire(t, cfg, watch, fx.Populate(&publisher))
	return publishercontract.Subject{
		Publisher: publisher, Received: func() []event.Record {
			flush(t, publisher)
			return seen.all()
		},
		MaxEventBytes: int(cfg.Stream.MaxEvent),
		Close: publisher.(interface {
			Close(ctx context.Context) error
		}).Close,
	}
}

// flush waits for a broker that does not hand over at once.
func flush(t *testing.T, publisher event.Publisher) {
	t.Helper()
	if p, ok := publisher.(interface {
		Flush(ctx context.Context) error
	}); ok {
		if err := p.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// keptUp is a publisher that returns when the node has received the event. With a log as small
// as in some suites a node could otherwise fall behind what the log keeps, and would end.
type keptUp struct {
	event.Publisher

	t *testing.T
}

// Publish implements event.Publisher.
func (k keptUp) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	id, err := k.Publisher.Publish(ctx, ev)
	flush(k.t, k.Publisher)
	return id, err
}

func TestHistory(t *testing.T) {
	runSuite(t, "historycontract", func(t *testing.T, e environment) {
		historycontract.Run(t, func(t *testing.T) (s historycontract.Subject) {
			own := map[string]string{"SSE_MAX_EVENT_BYTES": "8KiB", "SSE_HISTORY_BYTES": "32KiB"}
			var cfg bootstrap.Config
			e.build(t, own, &s.Publisher, &s.History, &cfg)
			s.Publisher = keptUp{s.Publisher, t}
			s.Retention = int(cfg.Stream.History)
			if cfg.Broker.Durable() {
				s.Retention *= 2 // the stream's bound is not only for payloads
			}
			return s
		})
	})
}

func TestLog(t *testing.T) { // W5
	runSuite(t, "logcontract", func(t *testing.T, e environment) {
		logcontract.Run(t, func(t *testing.T) (s logcontract.Subject) {
			own := map[string]string{"SSE_MAX_EVENT_BYTES": "8KiB", "SSE_HISTORY_BYTES": "32KiB"}
			var cfg bootstrap.Config
			e.build(t, own, &s.Publisher, &s.Log, &cfg)
			s.Publisher = keptUp{s.Publisher, t}
			s.Retention = int(cfg.Stream.History)
			if cfg.Broker.Durable() {
				s.Retention *= 2 // the stream's bound is not only for payloads
			}
			return s
		})
	})
}

// recorder keeps what it hands on.
type recorder struct {
	next event.Receiver

	mu      sync.Mutex
	records []event.Record // guarded by mu
	grown   *sync.Cond     // signals that records have grown
}

func newRecorder() *recorder {
	r := &recorder{}
	r.grown = sync.NewCond(&r.mu)
	return r
}

// before returns the recorder, which hands on to next.
func (r *recorder) before(next event.Receiver) event.Receiver {
	r.next = next
	return r
}

func (r *recorder) Receive(ctx context.Context, rec event.Record) {
	r.mu.Lock()
	r.records = append(r.records, rec)
	r.grown.Broadcast()
	r.mu.Unlock()
	r.next.Receive(ctx, rec)
}

func (r *recorder) all() []event.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// await waits until there are so many records, and returns the events of all that there
// are.
func (r *recorder) await(t *testing.T, n int) (events []event.Event) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.records) < n {
		r.grown.Wait()
	}
	for _, rec := range r.records {
		events = append(events, rec.Event)
	}
	return events
}

func TestOrphans(t *testing.T) {
	runSuite(t, "orphanscontract", func(t *testing.T, e environment) {
		orphanscontract.Run(t, func(t *testing.T) orphanscontract.Subject {
			cfg := e.config(t, nil)
			var one, two *natsregistry.Registry
			unstarted(t, cfg, &one)
			cfg.NodeName = "node-2"
			unstarted(t, cfg, &two)
			return orphanscontract.Subject{
				Node: "node-1", Registry: one, Roster: one, Orphans: one, OtherNode: cfg.NodeName, Other: two,
			}
		})
	})
}

func TestControl(t *testing.T) { // the other node is the adapter, with the suite's peer
	in(t, withCluster, func(t *testing.T, e environment) {
		controlcontract.Run(t, func(t *testing.T, peer gateway.Peer) controlcontract.Subject {
			s := controlcontract.Subject{Self: "node-1", Node: "node-2", Away: "node-3"}
			cfg := e.config(t, nil)
			var broker *natsbroker.Broker
			unstarted(t, cfg, &s.Control, &broker)
			other, err := natscontrol.Open(broker, s.Node, silent)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
			var serving sync.WaitGroup
			serving.Go(func() {
				if err := other.Serve(ctx, peer); err != nil {
					t.Error(err)
				}
			})
			t.Cleanup(func() {
				cancel()
				serving.Wait()
			})
			return s
		})
	})
}

func TestNodes(t *testing.T) {
	in(t, oneNode, func(t *testing.T, e environment) {
		nodescontract.Run(t, func(t *testing.T) nodescontract.Subject {
			return nodescontract.Subject{Join: func(t *testing.T, name string) (n nodescontract.Node) {
				cfg := e.config(t, nil)
				cfg.NodeName = name
				unstarted(t, cfg, &n.Nodes, &n.Roll)
				return n
			}}
		}, nodescontract.OneNode("this broker is one node's"))
	})
	in(t, withCluster, func(t *testing.T, e environment) {
		nodescontract.Run(t, func(t *testing.T) nodescontract.Subject {
			shared := e.config(t, nil)
			return nodescontract.Subject{Join: func(t *testing.T, name string) nodescontract.Node {
				cfg := shared
				cfg.NodeName = name
				var nodes cluster.Nodes
				var roll cluster.Roll
				app, err := bootstrap.New(t.Context(), cfg, silent, fx.Populate(&nodes, &roll))
				if err != nil {
					t.Fatal(err)
				}
				_, stop := start(t, app)
				return nodescontract.Node{Nodes: nodes, Roll: roll, Leave: func(*testing.T) { stop() }}
			}}
		}, nodescontract.NoVanishing("a service in this process ends in order"))
	})
}
