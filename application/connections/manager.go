// Package connections implements connection.Manager: it registers the streams that
// gateways report, closes what a newer one replaces, and has the observers called for
// connections that can be sent to (rules C of the specification). It is also the
// gateway.Listener to which senders report what happened to single streams (rules C8,
// E5, E6), and the gateway.Peer that other nodes call.
//
// Its packages: observers calls the observers, orphans takes over the connections of
// nodes that are gone, background runs functions that no caller waits for.
package connections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/application/connections/background"
	"heliograph/application/connections/observers"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

var (
	_ connection.Manager = (*Manager)(nil)
	_ gateway.Listener   = (*Manager)(nil)
	_ gateway.Peer       = (*Manager)(nil)
)

// DefaultObserverTimeout is long enough for a version source that is slow, and
// short enough that a stuck observer is noticed.
const DefaultObserverTimeout = 5 * time.Second

// Config holds a Manager's settings.
type Config struct {
	// Node is this node's name: the owner of what connects here.
	Node string
	// ObserverTimeout is how long one observer may take for one connection (rule
	// C5); 0 is DefaultObserverTimeout.
	ObserverTimeout time.Duration
}

// Deps holds the ports that a Manager uses.
type Deps struct {
	Registry connection.Registry
	Sender   gateway.Sender
	Control  gateway.Control
	Metrics  connection.Metrics
	Log      *slog.Logger
}

// Manager keeps the registry in step with the streams of the gateways. It is safe for concurrent
// use. It holds no lock while it calls a sender or an observer.
type Manager struct {
	node      string
	registry  connection.Registry
	sender    gateway.Sender
	log       *slog.Logger
	count     *counter
	closer    *closer
	group     *background.Group
	observers *observers.Runner
	draining  atomic.Bool
}

// New returns a Manager. It starts nothing.
func New(cfg Config, deps Deps) *Manager {
	if cfg.ObserverTimeout == 0 {
		cfg.ObserverTimeout = DefaultObserverTimeout
	}
	group := background.NewGroup()
	return &Manager{
		node: cfg.Node, registry: deps.Registry, sender: deps.Sender, log: deps.Log, group: group,
		count:     newCounter(deps.Metrics),
		closer:    &closer{sender: deps.Sender, control: deps.Control, group: group, log: deps.Log},
		observers: observers.New(cfg.ObserverTimeout, group, deps.Registry, deps.Log),
	}
}

// Observe implements connection.Manager.
func (m *Manager) Observe(name string, o connection.Observer) { m.observers.Add(name, o) }

// Drain makes Connect fail with connection.ErrShuttingDown from now on. It may be called
// twice.
func (m *Manager) Drain() { m.draining.Store(true) }

// Stop ends the contexts of the observers that run, lets no other begin, and waits for
// them, late ones included. It refuses connects, as Drain does, and may be called twice.
// Errors: ctx.Err(), when some still run.
func (m *Manager) Stop(ctx context.Context) error {
	m.Drain()
	if err := m.group.Stop(ctx); err != nil {
		return fmt.Errorf("wait for connection observers: %w", err)
	}
	return nil
}

// Connect implements connection.Manager.
func (m *Manager) Connect(ctx context.Context, id connection.RequestID, token connection.Token, lastEventID string) (connection.Opening, error) {
	if m.draining.Load() {
		return nil, connection.ErrShuttingDown
	}
	c := connection.Connection{RequestID: id, Token: token, Node: m.node, Principal: access.FromContext(ctx)}
	if lastEventID != "" {
		m.sender.Resume(ctx, c, lastEventID)
	}
	m.count.begin(token)
	before, err := m.registry.Put(ctx, c)
	m.count.end(token, err == nil && !before.Same(c)) // otherwise its gateway has reported it twice
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", id, err)
	}
	if before.Token != "" && before.Token != token {
		m.left(before)
		m.closer.close(ctx, before)
	}
	return &opening{manager: m, conn: c}, nil
}

// opening implements connection.Opening.
type opening struct {
	manager *Manager
	conn    connection.Connection
}

// Opened implements connection.Opening.
func (o *opening) Opened() { o.manager.observers.Start(o.conn) }

// OpenedHere implements connection.Opening.
func (o *opening) OpenedHere() { o.manager.observers.Run(o.conn) }

// Disconnect implements connection.Manager. It does not end with ctx: the stream has
// ended already.
func (m *Manager) Disconnect(ctx context.Context, token connection.Token, reason connection.Reason) {
	c, err := m.registry.Remove(context.WithoutCancel(ctx), token)
	if err != nil {
		m.logNotFound(ctx, err)
		return
	}
	m.left(c)
	m.log.DebugContext(ctx, "connection ended", requestID(c), slog.String("reason", string(reason)))
	m.closer.reportEnd(c, reason)
}

// left counts a connection that has left the registry, on the node that owned it
// (rule C9).
func (m *Manager) left(c connection.Connection) {
	if m.closer.owns(c) {
		m.count.left(c.Token)
	}
}

// find returns the connection that token names.
func (m *Manager) find(ctx context.Context, token connection.Token) (c connection.Connection, ok bool) {
	c, err := m.registry.ByToken(ctx, token)
	if err != nil {
		m.logNotFound(ctx, err)
		return connection.Connection{}, false
	}
	return c, true
}

// logNotFound logs why no connection was found for a token: a late report about a
// replaced one is normal (rule C4), a registry that fails is not.
func (m *Manager) logNotFound(ctx context.Context, err error) {
	if errors.Is(err, connection.ErrNotFound) {
		m.log.DebugContext(ctx, "report about an unknown connection")
		return
	}
	m.log.ErrorContext(ctx, "connection registry failed", slog.Any("error", err))
}

func requestID(c connection.Connection) slog.Attr {
	return slog.String("request_id", string(c.RequestID))
}

// Close implements gateway.Peer. The stream leaves this node's connections at
// once: an external gateway may report its end to another node.
func (m *Manager) Close(ctx context.Context, token connection.Token, last event.Event) error {
	err := m.sender.Close(ctx, token, last)
	m.Ended(ctx, token, connection.ReasonReplaced)
	return err
}

// Ended implements gateway.Peer.
func (m *Manager) Ended(ctx context.Context, token connection.Token, reason connection.Reason) {
	m.Disconnect(ctx, token, reason)
}
