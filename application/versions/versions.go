// Package versions tells browsers which frontend version is current (rules V of
// the specification): it watches the source, announces what changed and what it
// is told to, and sends each new connection its version. Of several nodes one
// watches; all of them learn what it says from the log (Known).
//
// mu guards the state, is never held over I/O, and is held while a connection is
// handed what was read, so that no announcement comes between (rule V1). What may
// take as long as the broker is away holds up neither connections nor questions:
// Serve alone broadcasts what the source says, and an announcement waits only for
// those of the same request_id.
package versions

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/application/delivery"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
)

// Config is what a Service needs to know.
type Config struct {
	// PollInterval is the time between two look-ups of the watcher; 0 turns it off,
	// and then only connections and callers have the source asked.
	PollInterval time.Duration
	// Confirmations is how many fresh answers in a row must name a new version
	// before it counts (rule V8); 0 is as good as 1.
	Confirmations int
	// CacheTTL is how old the source's answer may be that a connection or a caller
	// gets (rule V5); 0 has the source asked for each.
	CacheTTL time.Duration
	// MaxEventBytes bounds a version's payload (rule E8); 0 is no bound.
	MaxEventBytes int
}

// Service announces versions. It is safe for concurrent use.
type Service struct {
	cfg        Config
	source     version.Source
	pending    version.Pending
	board      version.Board
	nodes      cluster.Nodes
	dispatcher *delivery.Dispatcher
	sender     gateway.Sender
	log        *slog.Logger

	draining atomic.Bool
	failing  atomic.Bool   // the source's last look-up failed
	news     chan struct{} // has Serve tell the current version
	turns    *turns
	*Known
}

var (
	_ version.Service     = (*Service)(nil)
	_ connection.Observer = (*Service)(nil)
)

// New returns a Service, whose node knows of versions what is in known. It starts nothing: Serve does.
func New(cfg Config, known *Known, source version.Source, pending version.Pending, board version.Board, nodes cluster.Nodes,
	dispatcher *delivery.Dispatcher, sender gateway.Sender, log *slog.Logger,
) *Service {
	known.ballot.needed = cfg.Confirmations
	return &Service{
		cfg: cfg, source: source, pending: pending, board: board, nodes: nodes, dispatcher: dispatcher, sender: sender,
		log: log, news: make(chan struct{}, 1), turns: newTurns(), Known: known,
	}
}

// Serve watches the source until ctx ends, and returns nil (rule V8). It asks at
// once, and with a PollInterval of 0 never again. Of several nodes one asks.
func (s *Service) Serve(ctx context.Context) error {
	var tick <-chan time.Time
	if s.cfg.PollInterval > 0 {
		ticker := time.NewTicker(s.cfg.PollInterval)
		defer ticker.Stop()
		tick = ticker.C
	}
	s.catchUp(ctx)
	s.look(ctx)
	for {
		select {
		case <-s.news:
			s.tell(ctx)
		case <-tick:
			s.look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks the source if this node is the one that does.
func (s *Service) look(ctx context.Context) {
	if s.nodes.Leads() {
		_, _ = s.lookUp(ctx, 0) // a failure is in the log
	}
}

// catchUp takes in what was the current version before this process began.
func (s *Service) catchUp(ctx context.Context) {
	v, err := s.board.Get(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "current version of before is not known", slog.Any("error", err))
	}
	s.recall(v)
}

// Drain ends all announcing (rule V7). It may be called twice. Connections still
// get their version.
func (s *Service) Drain() { s.draining.Store(true) }

// toEvent makes the event of v, whether it goes to all or to one.
func toEvent(v version.Version, topic string) event.Event {
	return event.Event{Service: event.ServiceVersion, Name: version.EventName, Data: v.Payload(), Topic: topic}
}

// checkSize holds v against rule E8. Errors: version.ErrTooLarge.
func (s *Service) checkSize(v version.Version) error {
	if size := len(v.Payload()); s.cfg.MaxEventBytes > 0 && size > s.cfg.MaxEventBytes {
		return fmt.Errorf("%w: its payload has %d bytes, at most %d are allowed", version.ErrTooLarge, size, s.cfg.MaxEventBytes)
	}
	return nil
}
