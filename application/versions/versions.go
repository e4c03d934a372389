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
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
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

// boardRetryInterval is the pause before a failed write to or read of the board is repeated.
const boardRetryInterval = time.Second

// Service announces versions. It is safe for concurrent use.
type Service struct {
	cfg       Config
	state     *State
	source    version.Source
	pending   version.Pending
	board     version.Board
	nodes     cluster.Nodes
	publisher event.Publisher
	sender    gateway.Sender
	log       *slog.Logger

	locks    *keyedLock
	draining atomic.Bool
	failure  atomic.Pointer[string] // why the source's last look-up failed; nil: it did not
	wake     chan struct{}          // asks Serve to broadcast the source's version
	unsaved  chan struct{}          // asks Serve to write to the board again

	mu      sync.Mutex
	attempt chan struct{} // closed when Serve has tried to broadcast; guarded by mu
}

var (
	_ version.Service     = (*Service)(nil)
	_ connection.Observer = (*Service)(nil)
)

// New returns a Service. It starts nothing: Start and Serve do.
func New(cfg Config, deps Deps) *Service {
	deps.State.ballot.needed = cfg.Confirmations
	return &Service{
		cfg: cfg, state: deps.State, source: deps.Source, pending: deps.Pending, board: deps.Board, nodes: deps.Nodes,
		publisher: deps.Publisher, sender: deps.Sender, log: deps.Log, locks: newKeyedLock(),
		wake: make(chan struct{}, 1), unsaved: make(chan struct{}, 1), attempt: make(chan struct{}),
	}
}

// Start reads the current version from the board and then from the source, and
// broadcasts the source's version if it is a new one. Call it before the first stream
// can connect: a stream that is connected already would get its own version and then
// this one (rule V1). It waits for the source, two seconds at most, and for the broker.
// Failures are logged, and Serve tries again.
func (s *Service) Start(ctx context.Context) {
	if err := s.restore(ctx); err != nil {
		s.log.WarnContext(ctx, "stored current version cannot be read, trying again", slog.Any("error", err))
	}
	s.look(ctx)
	s.tell(ctx)
}

// Serve watches the source until ctx ends, and returns nil (rule V8). With a
// PollInterval of 0 it only broadcasts what look-ups for connections and callers have
// found. Of several nodes one asks the source.
func (s *Service) Serve(ctx context.Context) error {
	var poll, again <-chan time.Time
	if s.cfg.PollInterval > 0 {
		ticker := time.NewTicker(s.cfg.PollInterval)
		defer ticker.Stop()
		poll = ticker.C
	}
	if !s.state.isRestored() {
		again = time.After(boardRetryInterval)
	}
	for {
		select {
		case <-s.wake:
			s.tell(ctx)
		case <-poll:
			_ = s.restore(ctx) // another node may have saved its version after this one started
			s.look(ctx)
		case <-s.unsaved:
			again = time.After(boardRetryInterval)
		case <-again:
			if again = nil; s.agreeWithBoard(ctx) != nil {
				again = time.After(boardRetryInterval)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks the source if this node is the one that watches it.
func (s *Service) look(ctx context.Context) {
	if s.nodes.Leads() {
		_, _ = s.lookUp(ctx, 0) // a failure is in the log
	}
}

// agreeWithBoard reads the board's versions and writes this node's; the newer of the
// two stays.
func (s *Service) agreeWithBoard(ctx context.Context) error {
	if err := s.restore(ctx); err != nil {
		return err
	}
	s.wakeIfNews()
	v := s.state.view()
	return errors.Join(s.put(ctx, version.SlotCurrent, v.current), s.put(ctx, version.SlotSource, v.source))
}

// restore reads the board. A version that cannot be decoded counts as none.
func (s *Service) restore(ctx context.Context) error {
	current, err := s.get(ctx, version.SlotCurrent)
	if err != nil {
		return err
	}
	source, err := s.get(ctx, version.SlotSource)
	if err != nil {
		return err
	}
	s.state.restore(current, source)
	return nil
}

func (s *Service) get(ctx context.Context, slot version.Slot) (version.Logged, error) {
	v, err := s.board.Get(ctx, slot)
	if errors.Is(err, version.ErrInvalid) {
		if !s.state.isRestored() { // it is read again and again
			s.log.WarnContext(ctx, "stored version cannot be read, it counts as none", slog.String("slot", string(slot)), slog.Any("error", err))
		}
		return version.Logged{}, nil
	}
	return v, err
}

func (s *Service) put(ctx context.Context, slot version.Slot, v version.Logged) error {
	if v.Version.IsZero() {
		return nil
	}
	return s.board.Put(ctx, slot, v)
}

// saveTime is for writing to the board: a cluster that has lost a server may need
// seconds to go on.
const saveTime = 5 * time.Second

// save writes v to the slots of the board. A failure is logged, and Serve tries
// again: v is in the log already, so every node that runs knows it.
func (s *Service) save(ctx context.Context, v version.Logged, slots ...version.Slot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	for _, slot := range slots {
		if err := s.put(ctx, slot, v); err != nil {
			s.log.WarnContext(ctx, "current version was not stored, it will be tried again", slog.Any("error", err))
			signal(s.unsaved)
			return
		}
	}
}

// Drain ends all announcing (rule V7). It may be called twice. Connections still
// get their version.
func (s *Service) Drain() { s.draining.Store(true) }

// publish puts v into the log. Errors: those of event.Publisher.
func (s *Service) publish(ctx context.Context, v version.Version, topic string) (version.Logged, error) {
	id, err := s.publisher.Publish(ctx, toEvent(v, topic))
	if err != nil {
		return version.Logged{}, fmt.Errorf("broadcast version %s: %w", v.Name(), err)
	}
	return version.Logged{Version: v, At: id}, nil
}

// toEvent makes the event of v, whether it goes to all or to one.
func toEvent(v version.Version, topic string) event.Event {
	return event.Event{Service: event.ServiceVersion, Name: version.EventName, Data: v.Payload(), Topic: topic}
}

// checkSize holds v against rule E8. Errors: version.ErrTooLarge.
func (s *Service) checkSize(v version.Version) error {
	if size := len(v.Payload()); s.cfg.MaxEventBytes > 0 && size > s.cfg.MaxEventBytes {
		return fmt.Errorf("%w: its payload has %d bytes, at most %d are allowed", version.ErrTooLarge, size, s.cfg.MaxEventBytes)
	}
	if size := event.Written(v.Payload()); s.cfg.MaxWritten > 0 && size > s.cfg.MaxWritten {
		return fmt.Errorf("%w: its payload has %d bytes as it is written to the gateway, at most %d are allowed", version.ErrTooLarge, size, s.cfg.MaxWritten)
	}
	return nil
}

// signal wakes the reader of c, which has room for one value.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
