// Package tasks starts, runs and ends background tasks and tells everybody
// about them (rules T).
//
// The way of a task: Start records it and puts it into the queue; a worker takes
// it, makes its record running and calls the handler in a goroutine of its own,
// so that one which ignores its context can be left behind; the sequencer
// numbers what the handler reports, and one pump per running task stores it and
// then broadcasts it. So what a snapshot shows is never older than what the log
// held when it was read, and nothing overtakes. When the handler returns, or
// waiting for it is given up, the record is made terminal and then the last
// event goes out.
//
// Every change of a record is a compare-and-set in the store (modify), which
// decides all races: between Cancel and a worker that begins, or a handler that
// returns. Locks (Service.mu and those of queue, sequencer and snapshots) guard
// fields only: none is held while another is taken or a port is called.
package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"heliograph/application/delivery"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// Service runs tasks. It is safe for concurrent use.
type Service struct {
	cfg        Config
	limits     limits
	store      task.Store
	types      []task.Type // by name
	dispatcher *delivery.Dispatcher
	sender     gateway.Sender
	metrics    task.Metrics
	newID      func() string
	log        *slog.Logger

	queue     *queue
	snapshots *snapshots
	shutdown  phases
	busy      sync.WaitGroup // workers, the janitor, and what Stop must not overtake

	mu       sync.Mutex
	started  bool                                // guarded by mu
	stopping bool                                // guarded by mu; nothing joins busy once it is set
	running  map[task.ID]context.CancelCauseFunc // guarded by mu
}

var (
	_ task.Service        = (*Service)(nil)
	_ task.Reader         = (*Service)(nil)
	_ connection.Observer = (*Service)(nil)
)

// New returns a Service for the given types. newID makes the IDs of tasks:
// UUIDs. Until StartWorkers tasks are taken on, but not run. It fails if cfg is
// out of range, or a type has no name or handler, or a name of another.
func New(cfg Config, store task.Store, types []task.Type, dispatcher *delivery.Dispatcher, sender gateway.Sender,
	m task.Metrics, newID func() string, log *slog.Logger,
) (*Service, error) {
	cfg = cfg.withDefaults()
	byName, err := sortTypes(types)
	if err = errors.Join(cfg.validate(), err); err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	return &Service{
		cfg: cfg, limits: limitsFor(cfg.MaxEventBytes), store: store, types: byName,
		dispatcher: dispatcher, sender: sender, metrics: m, newID: newID, log: log,
		queue:     newQueue(cfg.MaxWorkers + cfg.QueueSize),
		snapshots: newSnapshots(store, cfg.MaxEventBytes),
		shutdown:  newPhases(),
		running:   make(map[task.ID]context.CancelCauseFunc),
	}, nil
}

func sortTypes(types []task.Type) ([]task.Type, error) {
	sorted := slices.SortedFunc(slices.Values(types), func(a, b task.Type) int { return cmp.Compare(a.Name, b.Name) })
	for i, typ := range sorted {
		if typ.Name == "" || typ.Handler == nil {
			return nil, fmt.Errorf("task type %q needs a name and a handler", typ.Name)
		}
		if i > 0 && sorted[i-1].Name == typ.Name {
			return nil, fmt.Errorf("task type %q is there twice", typ.Name)
		}
	}
	return sorted, nil
}

// Get implements task.Reader.
func (s *Service) Get(ctx context.Context, id task.ID) (task.Task, error) {
	return s.store.Get(ctx, id)
}

// List implements task.Reader.
func (s *Service) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	return s.store.List(ctx, q)
}

// Types implements task.Reader.
func (s *Service) Types() []task.Type { return slices.Clone(s.types) }

// Counts returns how many tasks run and how many wait for a worker, for metrics.
func (s *Service) Counts() (running, queued int) {
	s.mu.Lock()
	running = len(s.running)
	s.mu.Unlock()
	return running, s.queue.length()
}

// handler returns the handler of a type, or nil.
func (s *Service) handler(typ string) task.Handler {
	i, found := slices.BinarySearchFunc(s.types, typ, func(t task.Type, name string) int { return cmp.Compare(t.Name, name) })
	if !found {
		return nil
	}
	return s.types[i].Handler
}
