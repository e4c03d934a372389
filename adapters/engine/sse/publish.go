package sse

import (
	"fmt"
	"slices"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Broadcast appends a log event for every stream, or for those in its audience if it
// has one; with a zero ID, a control event for every stream. Errors: event.ErrInvalid, gateway.ErrClosed.
func (e *Engine) Broadcast(rec event.Record) error {
	if err := rec.Event.Validate(); err != nil {
		return err
	}
	if rec.ID.IsZero() {
		if rec.Event.Audience != nil {
			return fmt.Errorf("%w: %q has an audience and no place in the log", event.ErrInvalid, rec.Event.Name)
		}
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
	if rec.Event.Audience != nil {
		return e.broadcastTo(rec)
	}
	size := wire.FrameSize(rec.Event)
	l, err := e.Lock()
	if err != nil {
		return err
	}
	readers, others := l.appendEvent(rec, service, size)
	l.Unlock()
	if readers == 0 {
		e.latencies.settle()
	}
	if readers+others > 0 {
		e.metrics.Sent(rec.Event.Service, readers+others, 0)
	}
	return nil
}

// appendEvent appends the frame of a log event, of at most size bytes, and returns how
// many streams read it there and how many others it was queued for.
func (l Locked) appendEvent(rec event.Record, service, size int) (readers, others int) {
	e := l.engine
	readers = l.Streams() - len(e.audiences.single)
	now := time.Now()
	e.published.Store(uint32(fates.StampOf(now)))
	e.latencies.begin(e.log.Head().Events()+1, rec.Event.Service, now, readers)
	e.log.AppendEvent(rec.ID.Seq, service, size, now, func(b []byte) []byte {
		return e.cfg.Format.AppendEvent(wire.AppendID(b, rec.ID), rec.Event)
	})
	l.appended()
	if len(e.audiences.single) > 0 && rec.Event.Service == event.ServiceVersion { // rule A16
		frame, _ := e.encoder.frame(rec)
		others = l.queueForSingles(rec.Event.Service, frame)
	}
	return readers, others
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
		p := private{body: body, service: ev.Service, name: e.encoder.words.Of(ev.Name)}
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

// Close ends one stream after it was sent last, a control event or the zero Event, which is
// nothing. Errors: as Send.
func (e *Engine) Close(token connection.Token, last event.Event) error {
	if last.IsZero() {
		return e.push(token, func(log.Position) private { return private{final: true} })
	}
	body, err := e.encoder.body(last)
	if err != nil {
		return err
	}
	return e.push(token, func(log.Position) private {
		return private{body: body, final: true, name: e.encoder.words.Of(last.Name)}
	})
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
	at := e.head()
	p := build(at)
	p.at, p.begun = at, time.Now()
	return s.push(p)
}
