// Package versions tells browsers which frontend version is current (rules V of
// the specification): it watches the source, announces its changes and the versions
// that callers pass to Announce, and sends each new connection its version. Of several
// nodes one watches; all of them learn the current version from the log (State).
//
// The current version is the newest of those announced to all clients and those that
// the source changed to (rule V6). The log decides which is the newest, and a Board
// keeps it for longer than the log reaches back.
//
// State's mutex is held while a connection is sent its version, so that no
// announcement comes between reading and sending (rule V1), and over no other I/O.
// While the broker does not answer, connections and calls of Current do not wait for
// it: only Serve broadcasts the source's version, and an announcement waits only for
// others of the same request_id.
package versions

import (
	"context"
	"log/slog"
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
)

// Config holds a Service's settings.
type Config struct {
	// PollInterval is the time between two look-ups of the watcher; 0 turns it off,
	// and then the source is asked only for connections and callers.
	PollInterval time.Duration
	// Confirmations is how many fresh answers in a row must name a new version
	// before it counts (rule V8); 0 means 1.
	Confirmations int
	// CacheTTL is how old the source's answer may be that a connection or a caller
	// gets (rule V5); with 0 the source is asked for each.
	CacheTTL time.Duration
	// MaxEventBytes bounds a version's payload (rule E8); 0 is no bound.
	MaxEventBytes int
	// MaxWritten bounds event.Written of it, for gateways to which it is written so; 0
	// is no bound.
	MaxWritten int
}

// Deps holds the ports that a Service uses.
type Deps struct {
	State     *State
	Source    version.Source
	Pending   version.Pending
	Board     version.Board
	Nodes     cluster.Nodes
	Publisher event.Publisher
	Sender    gateway.Sender
	Log       *slog.Logger
}

// Service announces versions. It is safe for concurrent use.
type Service struct {
	pollInterval time.Duration
	state        *State
	storage      *storage
	broadcaster  *broadcaster
	lookups      *lookups
	announcer    *announcer
	greeter      *greeter
	log          *slog.Logger
}

var (
	_ version.Service     = (*Service)(nil)
	_ connection.Observer = (*Service)(nil)
)

// New returns a Service. It starts nothing: Start and Serve do.
func New(cfg Config, d Deps) *Service {
	d.State.ballot.needed = cfg.Confirmations
	limits := sizeLimits{payload: cfg.MaxEventBytes, written: cfg.MaxWritten}
	storage := newStorage(d.Board, d.State, d.Log)
	broadcaster := newBroadcaster(d.Publisher, d.State, storage, d.Log)
	lookups := &lookups{
		source: d.Source, maxAge: cfg.CacheTTL, limits: limits, nodes: d.Nodes, state: d.State, broadcaster: broadcaster, log: d.Log,
	}
	return &Service{
		pollInterval: cfg.PollInterval, state: d.State, storage: storage, broadcaster: broadcaster, lookups: lookups, log: d.Log,
		announcer: &announcer{
			limits: limits, state: d.State, pending: d.Pending, storage: storage, broadcaster: broadcaster, locks: newKeyedLock(),
		},
		greeter: &greeter{
			state: d.State, pending: d.Pending, lookups: lookups, broadcaster: broadcaster, sender: d.Sender, log: d.Log,
		},
	}
}

// Announce implements version.Service.
func (s *Service) Announce(ctx context.Context, id connection.RequestID, v version.Version) error {
	return s.announcer.announce(ctx, id, v)
}

// Current implements version.Service.
func (s *Service) Current(ctx context.Context) (version.Version, error) {
	return s.lookups.current(ctx)
}

// Connected implements connection.Observer: it sends c its version (rule V1).
func (s *Service) Connected(ctx context.Context, c connection.Connection) error {
	return s.greeter.Connected(ctx, c)
}

// Observers returns Connected as two observers, between which others may be called:
// the first sends the version if it is known at once, and the second if the first did
// not. So a connection gets its version before what the others send, as clients of the
// predecessor expect, but a source that takes long holds up no other observer.
func (s *Service) Observers() (first, second connection.Observer) { return s.greeter.observers() }

// Start reads the current version from the board and then from the source, and
// broadcasts the source's version if it is a new one. Call it before the first stream
// can connect: a stream that is connected already would get its own version and then
// this one (rule V1). It waits for the source, two seconds at most, and for the broker.
// Failures are logged, and Serve tries again.
func (s *Service) Start(ctx context.Context) {
	if err := s.storage.restore(ctx); err != nil {
		s.log.WarnContext(ctx, "stored current version cannot be read, trying again", slog.Any("error", err))
	}
	s.lookups.watch(ctx, 0)
	s.broadcaster.broadcastSource(ctx)
}

// Serve watches the source until ctx ends, and returns nil (rule V8). With a
// PollInterval of 0 it only broadcasts what look-ups for connections and callers have
// found. Of several nodes one asks the source.
func (s *Service) Serve(ctx context.Context) error {
	var poll, again <-chan time.Time
	if s.pollInterval > 0 {
		ticker := time.NewTicker(s.pollInterval)
		defer ticker.Stop()
		poll = ticker.C
	}
	if !s.state.isRestored() {
		again = time.After(storeRetryInterval)
	}
	for {
		select {
		case <-s.broadcaster.requested:
			s.broadcaster.broadcastSource(ctx)
		case <-poll:
			_ = s.storage.restore(ctx) // another node may have saved its version after this one started
			s.lookups.watch(ctx, 0)
		case <-s.storage.unsaved:
			again = time.After(storeRetryInterval)
		case <-again:
			if again = nil; s.agreeWithBoard(ctx) != nil {
				again = time.After(storeRetryInterval)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// agreeWithBoard reads the board's versions and writes this node's; the newer of the
// two stays.
func (s *Service) agreeWithBoard(ctx context.Context) error {
	if err := s.storage.restore(ctx); err != nil {
		return err
	}
	s.broadcaster.request()
	return s.storage.saveState(ctx)
}

// Drain ends all announcing (rule V7). It may be called twice. Connections still
// get their version.
func (s *Service) Drain() { s.broadcaster.draining.Store(true) }
