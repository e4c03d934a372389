package env_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/event"
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
			if _, err := bootstrap.New(cfg, silent, watch, fx.Populate(&publisher)); err != nil {
				t.Fatal(err)
			}
			return publishercontract.Subject{
				Publisher: publisher, Received: seen.all, MaxEventBytes: int(cfg.Stream.MaxEvent),
				Close: publisher.(interface {
					Close(ctx context.Context) error
				}).Close,
			}
		})
	})
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
