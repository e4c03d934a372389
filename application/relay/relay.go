// Package relay implements gateway.Relay, the use case of the gateway role: it
// asks the backend about each stream, knows those that are open, and tells the
// backend once of each that ended.
package relay

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

var _ gateway.Relay = (*Relay)(nil)

const (
	// DefaultParallel is enough for ten thousand ends a second at a backend that
	// takes some milliseconds for each, and few enough for one that is busy.
	DefaultParallel = 32
	// DefaultMaxWaiting is more streams than a process can hold.
	DefaultMaxWaiting = 1 << 18
)

// Config is what a Relay can be told. Its zero value means the defaults.
type Config struct {
	// Parallel bounds the disconnect callbacks under way.
	Parallel int
	// MaxWaiting bounds those that wait for their turn; more are dropped.
	MaxWaiting int
}

// Relay stands between the streams and the backend. It is safe for concurrent
// use.
type Relay struct {
	cfg     Config
	backend gateway.Backend
	log     *slog.Logger

	life context.Context //nolint:containedctx // the callbacks' of streams that ended; Close ends it
	stop context.CancelFunc
	busy sync.WaitGroup // goroutines that tell the backend

	mu      sync.Mutex
	open    map[connection.Token]gateway.Request // guarded by mu
	ended   []ending                             // to be told, in order; guarded by mu
	tellers int                                  // goroutines in busy; guarded by mu
	missed  int                                  // ends in a row that the backend was not told of; guarded by mu
	closed  bool                                 // guarded by mu
}

// ending is a stream that ended.
type ending struct {
	token   connection.Token
	request gateway.Request
	reason  connection.Reason
}

// New returns a Relay. It starts nothing.
func New(cfg Config, backend gateway.Backend, log *slog.Logger) *Relay {
	cfg.Parallel = cmp.Or(cfg.Parallel, DefaultParallel)
	cfg.MaxWaiting = cmp.Or(cfg.MaxWaiting, DefaultMaxWaiting)
	life, stop := context.WithCancel(context.Background())
	return &Relay{cfg: cfg, backend: backend, log: log, life: life, stop: stop, open: make(map[connection.Token]gateway.Request)}
}

// Open implements gateway.Relay.
func (r *Relay) Open(ctx context.Context, token connection.Token, request gateway.Request) error {
	if err := r.backend.Connect(ctx, token, request); err != nil {
		return fmt.Errorf("ask the backend: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err // nothing was opened, so the backend is told nothing more
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[token] = request
	return nil
}

// Page implements gateway.Relay.
func (r *Relay) Page(after connection.Token, limit int) (page []gateway.Opened, more bool) {
	r.mu.Lock()
	for token, request := range r.open {
		if token > after {
			page = append(page, gateway.Opened{Token: token, Target: request.Target})
		}
	}
	r.mu.Unlock()
	slices.SortFunc(page, func(a, b gateway.Opened) int { return cmp.Compare(a.Token, b.Token) })
	if len(page) <= limit {
		return page, false
	}
	return page[:limit], true
}
