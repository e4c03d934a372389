// Package connections implements connection.Manager: it registers the streams that
// gateways report, closes what a newer one replaces, and has the observers called for
// connections that can be sent to (rules C of the specification). It is also the
// gateway.Listener to which senders report what happened to single streams (rules C8,
// E5, E6). Peer is what other nodes call.
//
// Its packages: observers calls the observers, credentials ends streams whose credentials
// have ended, timetable knows when that is, orphans takes over the connections of nodes that
// are gone, background runs functions that no caller waits for.
package connections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/application/connections/background"
	"heliograph/application/connections/credentials"
	"heliograph/application/connections/observers"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
)

var (
	_ connection.Manager  = (*Manager)(nil)
	_ gateway.Listener    = (*Manager)(nil)
	_ credentials.Streams = (*Manager)(nil)
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
	// Credentials is about the credentials of streams.
	Credentials credentials.Config
}

// Deps holds the ports that a Manager uses.
type Deps struct {
	Registry connection.Registry
	Roster   connection.Roster
	Sender   gateway.Sender
	Control  gateway.Control
	// Revocations is nil where nothing can be revoked.
	Revocations access.Revocations
	// Followings is nil where streams follow nothing.
	Followings Followings
	// Book is nil where nobody asks about single connections.
	Book    Book
	Metrics connection.Metrics
	Log     *slog.Logger
}

// Book is told of the connections of this node, for those who ask about one later (rule W6).
type Book interface {
	// Opened says that a connection is in the registry; resumed that its client has brought the
	// ID of an event to Connect.
	Opened(c connection.Connection, resumed bool)
	// Ended says that it has left it, or this node, and why.
	Ended(c connection.Connection, reason connection.Reason)
}

// noBook is a Book of blank pages.
type noBook struct{}

func (noBook) Opened(connection.Connection, bool)             {}
func (noBook) Ended(connection.Connection, connection.Reason) {}

// Followings are the tasks whose output streams of this node follow (rule T22).
type Followings interface {
	// FollowHere has the stream of c follow a task, or no longer. Errors:
	// connection.ErrNotFound, connection.ErrUnavailable, output.ErrTooMany,
	// output.ErrShuttingDown.
	FollowHere(ctx context.Context, c connection.Connection, f output.Followed) error
	// Ended says that a stream has ended, after its connection has left the registry.
	Ended(token connection.Token)
}

// Manager keeps the registry in step with the streams of the gateways. It is safe for concurrent
// use. It holds no lock while it calls a sender or an observer.
type Manager struct {
	node        string
	registry    loggedRegistry
	sender      gateway.Sender
	log         *slog.Logger
	count       *counter
	closer      *closer
	group       *background.Group
	observers   *observers.Runner
	credentials *credentials.Enforcer
	followings  Followings // nil: streams follow nothing
	book        Book
	draining    atomic.Bool
}

// New returns a Manager. It starts nothing.
func New(cfg Config, deps Deps) *Manager {
	if cfg.ObserverTimeout == 0 {
		cfg.ObserverTimeout = DefaultObserverTimeout
	}
	if deps.Book == nil {
		deps.Book = noBook{}
	}
	group := background.NewGroup()
	m := &Manager{
		node: cfg.Node, registry: loggedRegistry{deps.Registry, deps.Log}, sender: deps.Sender, log: deps.Log, group: group, followings: deps.Followings, book: deps.Book,
		count:     newCounter(deps.Metrics),
		closer:    &closer{sender: deps.Sender, control: deps.Control, group: group, log: deps.Log},
		observers: observers.New(cfg.ObserverTimeout, group, deps.Registry, deps.Log),
	}
	m.credentials = credentials.New(cfg.Credentials, credentials.Deps{
		Registry: deps.Registry, Roster: deps.Roster, Sender: deps.Sender, Control: deps.Control,
		Revocations: deps.Revocations, Streams: m, Log: deps.Log,
	})
	return m
}

// Credentials returns what keeps m's streams in step with their credentials, and has to be
// served.
func (m *Manager) Credentials() *credentials.Enforcer { return m.credentials }

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
	if err := ctx.Err(); err != nil { // its gateway has told the client that there is no stream
		return nil, fmt.Errorf("connect %s: %w", id, err)
	}
	c := connection.Connection{RequestID: id, Token: token, Node: m.node, Principal: access.FromContext(ctx)}
	if err := m.credentials.Admit(c.Principal); err != nil {
		return nil, err
	}
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
		m.left(before, connection.ReasonReplaced)
		m.closer.close(ctx, before)
	}
	m.book.Opened(c, lastEventID != "")
	if err := m.credentials.Opened(ctx, c); err != nil { // revoked while it was connecting
		m.Disconnect(ctx, token, connection.ReasonExpired)
		return nil, fmt.Errorf("connect %s: %w", id, err)
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
	c, ok := m.registry.take(context.WithoutCancel(ctx), token)
	if !ok {
		return
	}
	m.left(c, reason)
	m.log.DebugContext(ctx, "connection ended", requestID(c), slog.String("reason", string(reason)))
	m.closer.reportEnd(c, reason)
}

// left counts a connection that has left the registry, on the node that owned it
// (rule C9).
func (m *Manager) left(c connection.Connection, reason connection.Reason) {
	m.ended(c, reason)
	if m.closer.owns(c) {
		m.count.left(c.Token)
	}
}

// ended has those forget the stream of c that remember something of it.
func (m *Manager) ended(c connection.Connection, reason connection.Reason) {
	m.book.Ended(c, reason)
	m.credentials.Ended(c)
	if m.followings != nil {
		m.followings.Ended(c.Token)
	}
}

func requestID(c connection.Connection) slog.Attr {
	return slog.String("request_id", string(c.RequestID))
}

// End implements credentials.Streams.
func (m *Manager) End(ctx context.Context, c connection.Connection, last event.Event, reason connection.Reason) {
	if err := m.end(ctx, c.Token, last, reason); err != nil && !errors.Is(err, gateway.ErrUnknownToken) {
		m.log.WarnContext(ctx, "stream could not be ended", requestID(c), slog.String("reason", string(reason)), slog.Any("error", err))
	}
}

// end ends a stream of this node after last was sent to it. Its connection is removed at
// once, whatever the gateway says. Errors: as gateway.Sender's Close.
func (m *Manager) end(ctx context.Context, token connection.Token, last event.Event, reason connection.Reason) error {
	err := m.sender.Close(ctx, token, last)
	m.Disconnect(ctx, token, reason)
	return err
}
