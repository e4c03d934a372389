// Package httpsender implements gateway.Sender over HTTP: it pushes to an
// external SSE gateway, one request per event and connection (gateway-protocol,
// POST /internal/send).
//
// What is handed over goes into one lane per connection, where it waits in
// order. A lane exists only while something waits or after something was lost,
// so idle connections cost nothing. Workers take the lanes in turn and push one
// event at a time: in parallel between connections, in order within one. No
// lock is held during a push, so a gateway that hangs delays nobody but the
// streams behind it.
//
//	lanes.go, queue.go    what waits, and whose turn it is
//	serve.go, turn.go     the workers, and what a turn does to its lane
//	client.go, encode.go  the wire
package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	// Timeout bounds one push, from dialling to the end of the answer; 0 is 5 s.
	Timeout time.Duration
	// Parallel bounds the pushes under way at one time, and so the kept-alive
	// connections; 0 is 64.
	Parallel int
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
	parallel int
	client   *client
	lanes    *lanes
	roster   connection.Roster
	metrics  gateway.Metrics
	log      *slog.Logger
}

var _ gateway.Sender = (*Sender)(nil)

// New returns a Sender to the connections in roster. It starts nothing. An
// error says what is wrong with the configuration.
func New(cfg Config, roster connection.Roster, metrics gateway.Metrics, log *slog.Logger) (*Sender, error) {
	if cfg.Timeout < 0 || cfg.Parallel < 0 {
		return nil, errors.New("gateway time-out and parallel pushes must not be negative")
	}
	cfg = cfg.withDefaults()
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	s := &Sender{parallel: cfg.Parallel, client: client, roster: roster, metrics: metrics, log: log}
	s.lanes = newLanes(func(lost *message) { s.count(lost.service, 0, 1) })
	return s, nil
}

// Broadcast implements gateway.Sender. A protocol without event IDs has no use
// for the record's.
func (s *Sender) Broadcast(_ context.Context, rec event.Record) error {
	m, err := encode(rec.Event, false)
	if err != nil {
		return err
	}
	return s.lanes.toAll(s.roster, m)
}

// Send implements gateway.Sender. That the gateway does not know the token comes
// out later; only one that is being closed is ErrUnknownToken at once.
func (s *Sender) Send(_ context.Context, token connection.Token, ev event.Event) error {
	m, err := encode(ev, false)
	if err != nil {
		return err
	}
	return s.lanes.toOne(token, m)
}

// Close implements gateway.Sender. Errors: as Send.
func (s *Sender) Close(_ context.Context, token connection.Token, last event.Event) error {
	m, err := encode(last, true)
	if err != nil {
		return err
	}
	return s.lanes.toOne(token, m)
}

// Resume implements gateway.Sender.
func (s *Sender) Resume(context.Context, connection.Token, string) {}

// Drain makes Broadcast, Send and Close return ErrClosed from now on. What was
// handed over before still leaves. It may be called twice.
func (s *Sender) Drain() { s.lanes.drain() }

// Flush waits until all that was handed over has been pushed or given up. Serve
// must be running. Errors: ctx.Err().
func (s *Sender) Flush(ctx context.Context) error {
	select {
	case <-s.lanes.whenIdle():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("events still wait for the gateway: %w", ctx.Err())
	}
}
