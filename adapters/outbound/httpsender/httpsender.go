// Package httpsender implements gateway.Sender over HTTP: it pushes to an
// external SSE gateway (gateway-protocol), which may be of two kinds.
//
// One without extensions takes one request per event and connection. Each
// connection has a lane, where events wait in order; workers take the lanes in
// turn and push one event at a time: in parallel between connections, in order
// within one. A lane exists only while something waits or after something was
// lost, so idle connections cost nothing.
//
// One with the broadcast extension takes a log event once for all. Then the
// lanes have the private events only, and what goes to everyone is posted from
// the trunk, one event after the other.
//
// All that is handed over goes through the trunk, which keeps the order: a
// private event leaves after the broadcasts that were handed over before it and
// before those after it. While the gateway cannot be reached it is the outbox:
// what waits there is bounded, progress is conflated (rule E10), and it leaves in
// order when the gateway is back. No lock is held during a request.
//
//	outbox.go, trunk.go         what waits, and when it may leave
//	underway.go, reachable.go   what is being posted; whether anything may leave
//	lanes.go, turn.go           whose turn it is, and what a turn does to its lane
//	queue.go                    what waits in a bounded space
//	serve.go, post.go           the goroutines that push and post
//	watch.go, reconcile.go      whether the gateway is there, what it can, what it holds
//	resume.go                   a client that comes back
//	client.go, pipeline.go      HTTP: one push each, and broadcasts one after the other
//	message.go                  JSON
//
// Locks: that of the outbox is the only one that is held during calls, to the
// roster and the metrics.
package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Config is what a Sender needs to know. Only URL has no useful zero value.
type Config struct {
	// URL is the gateway's base URL, such as http://localhost:3000. It may have a
	// path, and user and password for basic authentication.
	URL string
	// Secret is what the gateway's /internal endpoints ask for, in X-Internal-Secret;
	// "" sends none.
	Secret string
	// Timeout bounds one push, from dialling to the end of the answer; 0 is 5 s.
	Timeout time.Duration
	// Parallel bounds the pushes under way at one time, and so the kept-alive
	// connections; 0 is 64.
	Parallel int
	// Start is the place in the log after which Broadcast goes on. With the zero ID,
	// events handed over before the first broadcast carry none.
	Start event.ID
	// Gap says that streams which are in the roster now may have missed events before
	// Start: they are told so and get the state as it is now.
	Gap bool
	// Forgets says that the connections are not known any more after this process. Then
	// Drain closes the streams of a gateway that cannot list them, which would stay open
	// and silent for ever: their clients come back by themselves.
	Forgets bool
	// Dial opens a connection to the gateway; nil dials TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Parallel == 0 {
		c.Parallel = 64
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: c.Timeout}).DialContext
	}
	return c
}

// Sender pushes events to one external gateway. It is safe for concurrent use.
// What is handed over waits until Serve runs.
type Sender struct {
	cfg     Config
	client  *client
	bodies  bodies
	outbox  *outbox
	roster  connection.Roster
	history event.History // set by Serve, before the gateway is reached for the first time
	metrics gateway.Metrics
	log     *slog.Logger

	losses   *lossLog
	breaker  atomic.Pointer[breaker]
	news     chan struct{} // wakes the watch
	doubt    atomic.Bool   // the gateway and the roster may not agree
	resuming chan struct{} // holds one token for each stream that resumes

	incomplete sync.Map // of the tokens whose streams could not be resumed, until Incomplete is asked
}

var _ gateway.Sender = (*Sender)(nil)

// New returns a Sender to the connections in roster. It starts nothing. An error
// says what is wrong with the configuration.
func New(cfg Config, roster connection.Roster, metrics gateway.Metrics, log *slog.Logger) (*Sender, error) {
	if cfg.Timeout < 0 || cfg.Parallel < 0 {
		return nil, errors.New("gateway time-out and parallel pushes must not be negative")
	}
	cfg = cfg.withDefaults()
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	s := &Sender{
		cfg: cfg, client: client, roster: roster, metrics: metrics, log: log, losses: &lossLog{log: log},
		news: make(chan struct{}, 1), resuming: make(chan struct{}, cfg.Parallel),
	}
	s.outbox = newOutbox(cfg.Start, roster, func(lost *message, connections int) { s.count(lost, 0, connections) })
	s.outbox.gap = cfg.Gap && roster.Count() > 0
	s.breaker.Store(s.newBreaker())
	return s, nil
}

// Broadcast implements gateway.Sender.
func (s *Sender) Broadcast(_ context.Context, rec event.Record) error {
	body, err := s.bodies.of(rec.Event)
	if err != nil {
		return err
	}
	return s.outbox.toAll(&message{body: body, id: rec.ID})
}

// Send implements gateway.Sender. That the gateway does not know the token comes
// out later; only one that is being closed is ErrUnknownToken at once.
func (s *Sender) Send(_ context.Context, token connection.Token, ev event.Event) error {
	body, err := s.bodies.of(ev)
	if err != nil {
		return err
	}
	return s.outbox.toOne(&message{body: body, token: token})
}

// SendParts implements gateway.Sender. Each part goes through the trunk when the
// gateway has taken the one before, so broadcasts leave in between.
func (s *Sender) SendParts(_ context.Context, token connection.Token, next gateway.Parts) error {
	m, err := partOf(token, next)
	if err != nil {
		return err
	}
	return s.outbox.toOne(m)
}

// Close implements gateway.Sender. Errors: as Send.
func (s *Sender) Close(_ context.Context, token connection.Token, last event.Event) error {
	body, err := s.bodies.of(last)
	if err != nil {
		return err
	}
	return s.outbox.toOne(&message{body: body, token: token, closing: true})
}

// Drain makes Broadcast, Send and Close return ErrClosed from now on. What was
// handed over before still leaves. It may be called twice.
func (s *Sender) Drain() {
	if s.cfg.Forgets && !s.outbox.capabilities().Connections {
		for c := range s.roster.All() {
			_ = s.outbox.toOne(&message{body: &body{}, token: c.Token, closing: true}) // or it closes anyway
		}
	}
	s.outbox.drain()
}

// Flush waits until all that was handed over has been pushed or given up. Serve
// must be running. Errors: ctx.Err().
func (s *Sender) Flush(ctx context.Context) error {
	select {
	case <-s.outbox.whenIdle():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("events still wait for the gateway: %w", ctx.Err())
	}
}

// Place returns the place in the log up to which the streams have all that was
// broadcast; ok is false if some lack something.
func (s *Sender) Place() (id event.ID, ok bool) { return s.outbox.settledPlace() }

func (s *Sender) count(m *message, ok, failed int) {
	if !m.ev.Control() && !m.late {
		s.metrics.Sent(m.ev.Service, ok, failed)
	}
}
