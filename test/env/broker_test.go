package env_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/event"
	"heliograph/test/contract/historycontract"
	"heliograph/test/contract/publishercontract"
	"heliograph/test/contract/registrycontract"
	"heliograph/test/contract/taskstorecontract"
)

func TestRegistry(t *testing.T) {
	everywhere(t, func(t *testing.T, e environment) {
		registrycontract.Run(t, func(t *testing.T) (s registrycontract.Subject) {
			var cfg bootstrap.Config
			e.build(t, nil, &s.Registry, &s.Roster, &cfg)
			s.Node = cfg.NodeName
			return s
		})
	})
}

func TestTaskStore(t *testing.T) {
	everywhere(t, func(t *testing.T, e environment) {
		taskstorecontract.Run(t, func(t *testing.T) (s taskstorecontract.Subject) {
			e.build(t, nil, &s.Store)
			return s
		})
	})
}

func TestPublisher(t *testing.T) {
	everywhere(t, func(t *testing.T, e environment) {
		publishercontract.Run(t, func(t *testing.T) publishercontract.Subject {
			var publisher event.Publisher
			seen := &recorder{}
			cfg := e.config(t, nil)
			watch := fx.Decorate(func(next event.Receiver) event.Receiver {
				seen.next = next
				return seen
			})
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
		})
	})
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

func TestHistory(t *testing.T) { // the embedded gateway's log is the history there
	for _, e := range []environment{external, externalDurable} {
		t.Run(e.name, func(t *testing.T) {
			historycontract.Run(t, func(t *testing.T) (s historycontract.Subject) {
				own := map[string]string{"SSE_MAX_EVENT_BYTES": "8KiB", "SSE_HISTORY_BYTES": "32KiB"}
				var cfg bootstrap.Config
				e.build(t, own, &s.Publisher, &s.History, &cfg)
				s.Retention = int(cfg.Stream.History)
				if cfg.Broker.Durable() {
					s.Retention *= 2 // the stream's bound is not only for payloads
				}
				return s
			})
		})
	}
}

// recorder keeps what it hands on.
type recorder struct {
	next event.Receiver

	mu      sync.Mutex
	records []event.Record // guarded by mu
}

func (r *recorder) Receive(ctx context.Context, rec event.Record) {
	r.mu.Lock()
	r.records = append(r.records, rec)
	r.mu.Unlock()
	r.next.Receive(ctx, rec)
}

func (r *recorder) all() []event.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}
