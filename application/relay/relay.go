// Package relay implements gateway.Relay, the use case of the gateway role: it
// asks the backend about each stream, keeps a list of those that are open, and
// reports the end of each to the backend, once.
package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

var _ gateway.Relay = (*Relay)(nil)

const (
	// DefaultConnects lets 256 clients a second in while the backend takes 2 s for
	// each. More at a time would not help a backend whose threads are all busy: what
	// waits there uses up the callback's time limit, what waits here does not.
	DefaultConnects = 512
	// DefaultConnectWait is how long a client waits for its turn at most: with the
	// callback's own 5 s it stays under the 60 s that proxies allow.
	DefaultConnectWait = 30 * time.Second
	// DefaultParallel is enough for ten thousand ends a second at a backend that
	// takes some milliseconds for each, and does not overload a busy one.
	DefaultParallel = 32
	// DefaultMaxWaiting is more streams than a process can hold.
	DefaultMaxWaiting = 1 << 18
	// maxKeptHeaders bounds the headers that are kept for the disconnect callback, in
	// bytes: a stream costs little memory, whatever its client sends.
	maxKeptHeaders = 4 << 10
)

// noHeaders stands for those that are not kept.
var noHeaders = json.RawMessage("{}")

// Config holds the limits of a Relay. A zero field means the default.
type Config struct {
	// Connects bounds the connect callbacks under way; further clients wait for their
	// turn, in order, at most ConnectWait.
	Connects    int
	ConnectWait time.Duration
	// Parallel bounds the disconnect callbacks under way.
	Parallel int
	// MaxWaiting bounds the disconnect callbacks that wait; more are dropped.
	MaxWaiting int
}

// Relay stands between the streams and the backend. It is safe for concurrent
// use.
type Relay struct {
	cfg     Config
	backend gateway.Backend
	log     *slog.Logger
	slots   chan struct{} // holds an element for each connect callback under way

	life context.Context //nolint:containedctx // of the disconnect callbacks; Close ends it
	stop context.CancelFunc
	busy sync.WaitGroup // goroutines that make disconnect callbacks

	mu       sync.Mutex
	open     map[connection.Token]gateway.Request // guarded by mu
	tokens   tokenIndex                           // of open; guarded by mu
	ended    []ending                             // wait for their callbacks, in order; guarded by mu
	workers  int                                  // goroutines in busy; guarded by mu
	failures int                                  // disconnect callbacks that failed in a row; guarded by mu
	closed   bool                                 // guarded by mu
}

// ending is a stream that ended.
type ending struct {
	token   connection.Token
	request gateway.Request
	reason  connection.Reason
}

// New returns a Relay. It starts nothing.
func New(cfg Config, backend gateway.Backend, log *slog.Logger) *Relay {
	cfg.Connects = cmp.Or(cfg.Connects, DefaultConnects)
	cfg.ConnectWait = cmp.Or(cfg.ConnectWait, DefaultConnectWait)
	cfg.Parallel = cmp.Or(cfg.Parallel, DefaultParallel)
	cfg.MaxWaiting = cmp.Or(cfg.MaxWaiting, DefaultMaxWaiting)
	life, stop := context.WithCancel(context.Background())
	return &Relay{
		cfg: cfg, backend: backend, log: log, slots: make(chan struct{}, cfg.Connects),
		life: life, stop: stop, open: make(map[connection.Token]gateway.Request),
	}
}

// Open implements gateway.Relay.
func (r *Relay) Open(ctx context.Context, token connection.Token, request gateway.Request) (gateway.Acceptance, error) {
	accepted, err := r.ask(ctx, token, request)
	if err != nil {
		return gateway.Acceptance{}, fmt.Errorf("ask the backend: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return gateway.Acceptance{}, err // nothing was opened, so there is no disconnect callback
	}
	if len(request.Headers) > maxKeptHeaders {
		request.Headers = noHeaders
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[token] = request
	r.tokens.add(token)
	return accepted, nil
}

// ask makes the connect callback when a slot is free.
func (r *Relay) ask(ctx context.Context, token connection.Token, request gateway.Request) (gateway.Acceptance, error) {
	if err := r.awaitSlot(ctx); err != nil {
		return gateway.Acceptance{}, err
	}
	defer func() { <-r.slots }()
	return r.backend.Connect(ctx, token, request)
}

// awaitSlot waits for a slot, in the order of the calls.
func (r *Relay) awaitSlot(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(r.cfg.ConnectWait)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return gateway.ErrBackendBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Page implements gateway.Relay.
func (r *Relay) Page(after connection.Token, limit int) (page []gateway.Opened, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tokens, more := r.tokens.after(after, limit)
	page = make([]gateway.Opened, len(tokens))
	for i, token := range tokens {
		page[i] = gateway.Opened{Token: token, Target: r.open[token].Target}
	}
	return page, more
}
