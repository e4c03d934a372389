// Package connections implements connection.Manager: it registers the streams
// that gateways report, closes what a newer one replaces, and tells observers of
// whom they can send to (rules C of the specification). It is also the
// gateway.Listener that hears what became of single streams (rules C8, E5, E6).
package connections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

var (
	_ connection.Manager = (*Manager)(nil)
	_ gateway.Listener   = (*Manager)(nil)
	_ gateway.Peer       = (*Manager)(nil)
)

// DefaultObserverTimeout is long enough for a version source that is slow, and
// short enough that a stuck observer is noticed.
const DefaultObserverTimeout = 5 * time.Second

// Config is what a Manager can be told.
type Config struct {
	// Node is this node's name: the owner of what connects here.
	Node string
	// ObserverTimeout is how long one observer may take for one connection (rule
	// C5); 0 is DefaultObserverTimeout.
	ObserverTimeout time.Duration
}

// Manager keeps the registry true to the gateways. It is safe for concurrent
// use. It holds no lock while it calls a sender or an observer.
type Manager struct {
	cfg      Config
	registry connection.Registry
	sender   gateway.Sender
	control  gateway.Control
	count    *counter
	log      *slog.Logger

	drained atomic.Bool
	silent  sync.Map // of the names of nodes that did not answer when they were last asked

	mu        sync.Mutex
	observers []observer // guarded by mu; only appended to
	stopped   bool       // guarded by mu; running only grows while it is false

	life    context.Context         //nolint:containedctx // what observers' contexts are made of; Stop ends it
	stop    context.CancelCauseFunc // ends life
	crew    crew
	watch   watch
	running sync.WaitGroup
	again   secondTries
}

// New returns a Manager. It starts nothing.
func New(cfg Config, reg connection.Registry, sender gateway.Sender, control gateway.Control, m connection.Metrics, log *slog.Logger) *Manager {
	if cfg.ObserverTimeout == 0 {
		cfg.ObserverTimeout = DefaultObserverTimeout
	}
	life, stop := context.WithCancelCause(context.Background())
	return &Manager{
		cfg: cfg, registry: reg, sender: sender, control: control, count: newCounter(m), log: log,
		life: life, stop: stop, crew: newCrew(life.Done()), watch: watch{limit: cfg.ObserverTimeout},
	}
}

// Drain has Connect refuse from now on. It may be called twice.
func (m *Manager) Drain() { m.drained.Store(true) }

// Connect implements connection.Manager.
func (m *Manager) Connect(ctx context.Context, id connection.RequestID, token connection.Token, lastEventID string) error {
	if m.drained.Load() {
		return connection.ErrShuttingDown
	}
	c := connection.Connection{RequestID: id, Token: token, Node: m.cfg.Node}
	if lastEventID != "" {
		m.sender.Resume(ctx, token, lastEventID)
	}
	m.count.begin(token)
	before, err := m.registry.Put(ctx, c)
	m.count.end(token, err == nil && before != c)
	if err != nil {
		return fmt.Errorf("connect %s: %w", id, err)
	}
	if before == c {
		return nil // its gateway said it twice
	}
	if before.Token != "" && before.Token != token {
		m.left(before)
		m.closeReplaced(ctx, before)
	}
	return nil
}

// left counts a connection that has left the registry, on the node that owned it
// (rule C9).
func (m *Manager) left(c connection.Connection) {
	if m.owns(c) {
		m.count.left(c.Token)
	}
}

func (m *Manager) owns(c connection.Connection) bool { return m.control.Owns(c.Node) }

// closeReplaced tells the client of old to stop instead of fighting for its
// request_id (rule C3). Another node is asked in the background: it may be gone.
func (m *Manager) closeReplaced(ctx context.Context, old connection.Connection) {
	m.log.DebugContext(ctx, "connection was replaced", requestID(old))
	if m.owns(old) {
		m.warnOpen(ctx, old, m.sender.Close(context.WithoutCancel(ctx), old.Token, replaced))
		return
	}
	m.inBackground(func(ctx context.Context) {
		m.warnAway(ctx, old, m.control.Close(ctx, old.Node, old.Token, replaced))
	})
}

// replaced is the last event of a stream that was replaced.
var replaced = stream.Replaced()

// warnOpen logs that the stream of old could not be closed, if that is what err
// says.
func (m *Manager) warnOpen(ctx context.Context, old connection.Connection, err error) {
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) { // that one has ended by itself
		m.log.WarnContext(ctx, "replaced connection could not be closed", requestID(old), slog.Any("error", err))
	}
}

// Disconnect implements connection.Manager. It does not end with ctx: what is
// gone is gone.
func (m *Manager) Disconnect(ctx context.Context, token connection.Token, reason connection.Reason) {
	c, err := m.registry.Remove(context.WithoutCancel(ctx), token)
	if err != nil {
		m.notFound(ctx, err)
		return
	}
	m.left(c)
	m.log.DebugContext(ctx, "connection ended", requestID(c), slog.String("reason", string(reason)))
	if !m.owns(c) {
		m.inBackground(func(ctx context.Context) { m.tellOwner(ctx, c, reason) })
	}
}

// find returns the connection that token names.
func (m *Manager) find(ctx context.Context, token connection.Token) (c connection.Connection, ok bool) {
	c, err := m.registry.ByToken(ctx, token)
	if err != nil {
		m.notFound(ctx, err)
		return connection.Connection{}, false
	}
	return c, true
}

// notFound logs why a token led to no connection: late news of one that was
// replaced is normal (rule C4), a registry that fails is not.
func (m *Manager) notFound(ctx context.Context, err error) {
	if errors.Is(err, connection.ErrNotFound) {
		m.log.DebugContext(ctx, "news of a connection that is unknown")
		return
	}
	m.log.ErrorContext(ctx, "connection registry failed", slog.Any("error", err))
}

func requestID(c connection.Connection) slog.Attr {
	return slog.String("request_id", string(c.RequestID))
}
