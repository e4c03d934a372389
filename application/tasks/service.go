// Package tasks starts, runs and ends background tasks and tells everybody
// about them (rules T).
//
// The way of a task: Start records it and puts it into the queue. A worker of the
// pool takes it, or one outside claims it, and an attempt begins: the record
// becomes running. In the pool the handler runs in a goroutine of its own, so that
// one which ignores its context can be left behind. The attempt's sequencer numbers
// what is reported, and one pump stores it and then broadcasts it. So what a
// snapshot shows is never older than what the log held when it was read, and
// nothing overtakes. One goroutine follows the attempt until whoever runs the task
// offers its end, or is given up; then the record is made terminal and the last
// event goes out, or the task waits for its next attempt.
//
// Every change of a record is a compare-and-set in the store (modify), which
// decides all races: between Cancel and an attempt that begins or ends. Every
// attempt has a lease, a token in the record, and changes nothing in a record that
// has another one. So the order of things does not depend on there being only one
// node.
//
// Locks (Service.mu and those of queue, sequencer, litter and snapshots) guard
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
	"sync/atomic"
	"time"

	"heliograph/application/delivery"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// Service runs tasks. It is safe for concurrent use.
type Service struct {
	cfg        Config
	limits     limits
	store      task.Store
	nodes      cluster.Nodes
	types      []task.Type // by name
	dispatcher *delivery.Dispatcher
	sender     gateway.Sender
	metrics    task.Metrics
	newID      func() string
	log        *slog.Logger

	queue     *queue
	trouble   *troubleLog
	snapshots *snapshots
	litter    *litter
	retention task.Retention
	shutdown  phases
	busy      sync.WaitGroup          // workers, the janitor, and what Stop must not overtake
	life      context.Context         //nolint:containedctx // ends when Stop leaves the store and the broker
	hangUp    context.CancelCauseFunc // ends life
	started   atomic.Bool

	// moving holds a token while an attempt is taken over: two calls of one worker must
	// not take it from each other.
	moving chan struct{}

	mu       sync.Mutex
	stopping bool                 // guarded by mu; nothing joins busy once it is set
	running  map[task.ID]*attempt // guarded by mu
	unknown  map[string]bool      // types that somebody was told are not known here; guarded by mu
}

var (
	_ task.Service        = (*Service)(nil)
	_ task.Reader         = (*Service)(nil)
	_ task.Workers        = (*Service)(nil)
	_ connection.Observer = (*Service)(nil)
)

// New returns a Service for the given types. newID makes the IDs of tasks:
// UUIDs. Until StartWorkers tasks are taken on, but not run. It fails if cfg or
// a type's policy is out of range, or a type has no name or handler, or a name of
// another.
func New(cfg Config, store task.Store, nodes cluster.Nodes, types []task.Type, dispatcher *delivery.Dispatcher, sender gateway.Sender,
	m task.Metrics, newID func() string, log *slog.Logger,
) (*Service, error) {
	cfg = cfg.withDefaults()
	byName, err := sortTypes(types)
	if err = errors.Join(cfg.validate(), err); err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	s := &Service{
		cfg: cfg, limits: limitsFor(cfg.MaxEventBytes), store: store, nodes: nodes, types: byName,
		dispatcher: dispatcher, sender: sender, metrics: m, newID: newID, log: log,
		trouble:   &troubleLog{log: log},
		queue:     newQueue(cfg.MaxWorkers, cfg.QueueSize, byName),
		snapshots: newSnapshots(store, cfg.MaxEventBytes),
		litter:    newLitter(cfg),
		retention: newRetention(cfg, byName),
		shutdown:  newPhases(),
		running:   make(map[task.ID]*attempt),
		unknown:   make(map[string]bool),
		moving:    make(chan struct{}, 1),
	}
	s.life, s.hangUp = context.WithCancelCause(context.Background())
	return s, nil
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
		if p := typ.Policy; min(p.Timeout, p.Backoff, p.Lease, p.Keep) < 0 || min(p.Concurrency, p.Attempts) < 0 {
			return nil, fmt.Errorf("task type %q: a number or duration of its policy is negative: %+v", typ.Name, p)
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
	page, next, err = s.store.List(ctx, q)
	for i := range page {
		if t := &page[i]; len(t.Result) > s.cfg.MaxEventBytes {
			t.Result, t.Truncated = nil, true
		}
	}
	return page, next, err
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

// timeout is how long an attempt at a task of a type may take (rule T8).
func (s *Service) timeout(typ task.Type) time.Duration {
	return cmp.Or(typ.Policy.Timeout, s.cfg.Timeout)
}
