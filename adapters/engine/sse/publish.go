package sse

import (
	"fmt"
	"slices"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Broadcast appends a log event for every stream; with a zero ID, a control
// event. Errors: event.ErrInvalid, gateway.ErrClosed.
func (e *Engine) Broadcast(rec event.Record) error {
	if err := rec.Event.Validate(); err != nil {
		return err
	}
	if rec.ID.IsZero() {
		frame := e.cfg.Format.AppendEvent(nil, rec.Event)
		l, err := e.Lock()
		if err != nil {
			return err
		}
		defer l.Unlock()
		l.Append("", rec.Event.Name, frame)
		return nil
	}
	service := slices.Index(event.Services[:], rec.Event.Service)
	if service < 0 {
		return fmt.Errorf("%w: log event %q belongs to no service", event.ErrInvalid, rec.Event.Name)
	}
	size := wire.FrameSize(rec.Event)
	l, err := e.Lock()
	if err != nil {
		return err
	}
	streams := l.appendEvent(rec, service, size)
	l.Unlock()
	if streams == 0 {
		e.ledger.settle()
		return nil
	}
	e.metrics.Sent(rec.Event.Service, streams, 0)
	return nil
}

// appendEvent appends the frame of a log event, of at most size bytes, and returns for how
// many streams.
func (l Locked) appendEvent(rec event.Record, service, size int) (streams int) {
	e, streams := l.engine, l.Streams()
	e.ledger.begin(e.log.Head().Events()+1, rec.Event.Service, time.Now(), streams)
	e.log.AppendEvent(rec.ID.Seq, service, size, func(b []byte) []byte {
		return e.cfg.Format.AppendEvent(wire.AppendID(b, rec.ID), rec.Event)
	})
	l.appended()
	return streams
}

// Send queues a private event for one stream; unless it is a control event it
// carries the ID of the last log event before it (rule G2). Errors:
// event.ErrInvalid, gateway.ErrUnknownToken, gateway.ErrStreamFull,
// gateway.ErrClosed.
func (e *Engine) Send(token connection.Token, ev event.Event) error {
	body, err := e.encoder.body(ev)
	if err != nil {
		return err
	}
	err = e.push(token, func(at log.Position) private {
		p := private{body: body, service: ev.Service}
		if !ev.Control() {
			p.id = wire.AppendID(nil, e.encoder.id(at))
		}
		return p
	})
	if ev.Control() {
		return err
	}
	if err != nil {
		e.metrics.Sent(ev.Service, 0, 1)
		return err
	}
	e.metrics.Sent(ev.Service, 1, 0)
	return nil
}

// Close ends one stream after it was sent last, a control event. Errors: as
// Send.
func (e *Engine) Close(token connection.Token, last event.Event) error {
	body, err := e.encoder.body(last)
	if err != nil {
		return err
	}
	return e.push(token, func(log.Position) private { return private{body: body, final: true} })
}

// push queues the event that build makes for the stream's next position in the log.
func (e *Engine) push(token connection.Token, build func(at log.Position) private) error {
	l, err := e.Lock()
	if err != nil {
		return err
	}
	defer l.Unlock()
	s, ok := e.registry.byToken[token]
	if !ok {
		return gateway.ErrUnknownToken
	}
	at := e.log.Head()
	p := build(at)
	p.at, p.begun = at, time.Now()
	return s.push(p)
}
