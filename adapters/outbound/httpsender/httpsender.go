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
// An event that is for some streams only (rule A12) takes the same way, to those that it is
// for when it leaves the trunk: in the lanes of these, or in one request that names them.
// For a client that comes back it is one of those that it missed, or none.
//
// All that is handed over goes through the trunk, which keeps the order: a
// private event leaves after the broadcasts that were handed over before it and
// before those after it. What waits there while the gateway cannot be reached is
// bounded, progress is conflated (rule E10), and it leaves in order when the
// gateway is back.
//
//	Sender ── trunk ─┬─ lanes ── worker (many) ── pusher ─┐
//	                 └─ batch ── poster (one) ── pipeline ─┼─ gateway
//	          resumer ──────────────────────── pusher ─────┤
//	          probe ────────────────────────── client ─────┘
//
//	trunk.go, batch.go, inflight.go  what waits, and what is posted to all streams
//	recipients.go                    which streams an event is for
//	lanes.go, lane.go, turns.go      what waits for one stream, and whose turn it is
//	turn.go, hold.go                 a lane while a worker has it, and while it is held
//	worker.go, poster.go, pusher.go  the goroutines that push and post
//	resume.go, recent.go             a client that comes back, and what it may have missed
//	probe.go, reconcile.go           whether the gateway is there, what it can, what it holds
//	link.go, circuit.go              what is known of that, and the circuit breaker
//	delays.go, losses.go             what is counted and logged of events that are late or lost
//	look.go, fates.go                what is told of one stream (rule W6)
//	queue.go, message.go             a bounded queue, and JSON
//	client.go, pipeline.go           HTTP: one push each, and broadcasts one after the other
//
// # The states of a lane
//
//	           hold, greet                    wake
//	held     <─────────────          idle ───────────> queued ──── begin ───> sending
//	greeting  ─────────────>          ^                                       │ ^  │
//	              let go              │  done                                 │ │  │
//	                                  └──────────────────────────────────────-┘ │  │ more: queued
//	                                                                  recovered │  v again
//	                  queued to recover ── begin ──> recovering ────────────────┘
//
// A lane whose stream lost an event goes by the lower line instead of the upper one:
// before anything else is sent, the observers hand over the state as it is now (rule
// E6). What is handed over for a lane that recovers, or that is greeted because its
// stream is adopted, leaves before all that waits.
//
// # Concurrency properties
//
// Broadcast, Send and Close hand over under the trunk's mutex and never wait for a
// request. One event of a lane is under way at a time, and one batch of broadcasts.
// While a batch is under way no lane begins a turn, and a batch begins only when no
// lane has anything to send, but for those that recover first: so both kinds of events
// keep their order at each stream, and one stream that recovers holds up no other.
//
// Each of trunk, lanes, link, delays, recent, lossLog and fateBook has a mutex of its own; turns have that of lanes. That of the
// trunk is locked before the others, and that of the fateBook after them; no other two are held together. Under those of
// trunk and lanes the roster and the metrics are called, and gateway.Parts are not. No
// lock is held during a request or a call of the listener.
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
	"heliograph/domain/diagnosis"
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
	// Shared says that other nodes push to streams of the same gateway, each to its own. Once
	// there are events for some streams only, what is for all is then sent to this node's
	// streams by name: another node that is further on would otherwise put it on them before
	// an earlier event that only this node sends them (rule E7).
	Shared bool
	// History bounds what is kept of the log once there are events for some streams only, in
	// bytes, so that clients get what they missed of it; 0 is 8 MiB.
	History int
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
	if c.History == 0 {
		c.History = defaultHistory
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
	bodies  gateway.Latest[*body]
	recent  *recent
	trunk   *trunk
	probe   *probe
	pusher  *pusher
	resumer *resumer
	poster  *poster
	losses  *lossLog
	fates   *fateBook
	roster  connection.Roster
	log     *slog.Logger
}

var (
	_ gateway.Sender    = (*Sender)(nil)
	_ diagnosis.Streams = (*Sender)(nil)
)

// New returns a Sender to the connections in roster. It starts nothing. An error
// says what is wrong with the configuration.
func New(cfg Config, roster connection.Roster, metrics gateway.Metrics, log *slog.Logger) (*Sender, error) {
	if cfg.Timeout < 0 || cfg.Parallel < 0 || cfg.History < 0 {
		return nil, errors.New("gateway time-out, parallel pushes and history must not be negative")
	}
	cfg = cfg.withDefaults()
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg, recent: &recent{limit: cfg.History}, losses: &lossLog{log: log}, roster: roster, log: log}
	meter, mismatch := meter{metrics}, new(atomic.Bool)
	s.fates = newFateBook(roster, cfg.Start.Epoch)
	s.trunk = newTrunk(cfg, roster, s.fates, func(lost *message, connections int) { meter.count(lost, 0, connections) })
	s.probe = &probe{
		client: client, trunk: s.trunk, roster: roster, losses: s.losses, log: log, forgets: cfg.Forgets,
		news: make(chan struct{}, 1), mismatch: mismatch,
	}
	circuit := newCircuit(s.trunk.disconnect, s.probe.wake)
	s.probe.circuit = circuit
	s.pusher = &pusher{client: client, circuit: circuit, meter: meter}
	s.resumer = &resumer{pusher: s.pusher, trunk: s.trunk, bodies: &s.bodies, recent: s.recent, slots: make(chan struct{}, cfg.Parallel), fates: s.fates, log: log}
	s.poster = &poster{
		pipeline: newPipeline(cfg, client.toAll), trunk: s.trunk, circuit: circuit, meter: meter, roster: roster, mismatch: mismatch,
		losses: s.losses, fates: s.fates, log: log,
	}
	return s, nil
}

// Serve pushes what is handed over and tells listener what became of it, until
// ctx ends; it returns nil once nothing runs any more. Streams resume from
// history. What still waits at the end is lost. It must be called once.
func (s *Sender) Serve(ctx context.Context, listener gateway.Listener, history event.History) error {
	s.resumer.history, s.probe.listener = history, listener
	var working sync.WaitGroup
	for range s.cfg.Parallel {
		w := &worker{pusher: s.pusher, trunk: s.trunk, listener: listener, losses: s.losses, fates: s.fates, log: s.log}
		working.Go(func() { w.run(ctx) })
	}
	working.Go(func() { s.poster.run(ctx) })
	s.probe.run(ctx)
	s.trunk.end(true)
	working.Wait()
	s.pusher.client.close()
	if events := s.trunk.giveUp(); events > 0 {
		s.log.WarnContext(ctx, "events did not reach the gateway before the end", slog.Int("events", events))
	}
	return nil
}

// Heard says that the gateway has called: one that was away is looked for at
// once.
func (s *Sender) Heard() {
	if !s.trunk.link.isUp() {
		s.pusher.circuit.reset()
		s.probe.wake()
	}
}

// Resume implements gateway.Sender. It takes resumeTime at most.
func (s *Sender) Resume(ctx context.Context, c connection.Connection, lastEventID string) {
	s.Heard()
	s.resumer.resume(ctx, c, lastEventID)
}

// Incomplete reports, once, whether the stream of token could not be resumed. A
// gateway that understands gateway.ComeBackHeader should then have the client ask
// again; to any other the stream is told to begin anew.
func (s *Sender) Incomplete(token connection.Token) bool { return s.resumer.takeIncomplete(token) }

// Broadcast implements gateway.Sender.
func (s *Sender) Broadcast(_ context.Context, rec event.Record) error {
	body, err := s.bodies.Of(rec.Event, encode)
	if err != nil {
		return err
	}
	s.recent.add(rec.ID, body, rec.Event.Audience)
	return s.trunk.handOver(&message{body: body, id: rec.ID, audience: rec.Event.Audience})
}

// Send implements gateway.Sender. That the gateway does not know the token comes
// out later; only one that is being closed is ErrUnknownToken at once.
func (s *Sender) Send(_ context.Context, token connection.Token, ev event.Event) error {
	body, err := s.bodies.Of(ev, encode)
	if err != nil {
		return err
	}
	return s.trunk.handOver(&message{body: body, token: token})
}

// SendParts implements gateway.Sender. Each part goes through the trunk when the
// gateway has taken the one before, so broadcasts leave in between.
func (s *Sender) SendParts(_ context.Context, token connection.Token, next gateway.Parts) error {
	m, err := partOf(token, next)
	if err != nil {
		return err
	}
	return s.trunk.handOver(m)
}

// Close implements gateway.Sender. Errors: as Send.
func (s *Sender) Close(_ context.Context, token connection.Token, last event.Event) error {
	if last.IsZero() {
		return s.trunk.handOver(newEnd(token))
	}
	body, err := s.bodies.Of(last, encode)
	if err != nil {
		return err
	}
	return s.trunk.handOver(&message{body: body, token: token, closing: true})
}

// Drain makes Broadcast, Send and Close return ErrClosed from now on. What was
// handed over before still leaves. It may be called twice.
func (s *Sender) Drain() {
	if s.cfg.Forgets && !s.trunk.link.capabilities().Connections {
		for c := range s.roster.All() {
			_ = s.trunk.handOver(newEnd(c.Token)) // or it ends anyway
		}
	}
	s.trunk.end(false)
}

// Flush waits until all that was handed over has been pushed or given up. Serve
// must be running. Errors: ctx.Err().
func (s *Sender) Flush(ctx context.Context) error {
	select {
	case <-s.trunk.whenIdle():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("events still wait for the gateway: %w", ctx.Err())
	}
}

// Place returns the place in the log up to which the streams have all that was
// broadcast; ok is false if some lack something.
func (s *Sender) Place() (id event.ID, ok bool) { return s.trunk.settledPlace() }
