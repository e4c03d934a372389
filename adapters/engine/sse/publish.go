package sse

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// publisher gives events their places: in the log, or among what waits for one stream. It is
// the part of an Engine that those use who send events, and safe for concurrent use.
type publisher struct {
	engine    *Engine
	published atomic.Uint32 // fates.Stamp of the newest event of the log
}

// Broadcast appends a log event for every stream, or for those in its audience if it
// has one; with a zero ID, a control event for every stream. Errors: event.ErrInvalid, gateway.ErrClosed.
func (p *publisher) Broadcast(rec event.Record) error {
	if err := rec.Event.Validate(); err != nil {
		return err
	}
	e := p.engine
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
		return p.broadcastTo(rec)
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
		others = e.audiences.queueForSingles(rec.Event.Service, frame)
	}
	return readers, others
}

// broadcastTo hands a log event to the streams in its audience. Errors: gateway.ErrClosed.
func (p *publisher) broadcastTo(rec event.Record) error {
	e := p.engine
	t := targeted{
		at: log.Position{Seq: rec.ID.Seq}, service: rec.Event.Service, name: e.encoder.words.Of(rec.Event.Name),
		whom: rec.Event.Audience, when: time.Now(),
	}
	t.frame, t.idBytes = e.encoder.frame(rec)
	keys := rec.Event.Audience.Keys()
	d := newDelivery(rec.Event.Service)
	l, err := e.Lock()
	if err != nil {
		return err
	}
	if e.audiences.log == nil {
		e.audiences.begin(maps.Values(e.registry.byToken))
	}
	streams := e.audiences.queue(keys, t, d)
	e.resumer.release()
	l.Unlock()
	d.done(e.metrics)
	if streams > 0 {
		e.metrics.Sent(rec.Event.Service, streams, 0)
	}
	return nil
}

// Send queues a private event for one stream; unless it is a control event it
// carries the ID of the last log event before it (rule G2). Errors:
// event.ErrInvalid, gateway.ErrUnknownToken, gateway.ErrStreamFull,
// gateway.ErrClosed.
func (p *publisher) Send(token connection.Token, ev event.Event) error {
	e := p.engine
	body, err := e.encoder.body(ev)
	if err != nil {
		return err
	}
	err = p.push(token, func(at log.Position) private {
		queued := private{body: body, service: ev.Service, name: e.encoder.words.Of(ev.Name)}
		if !ev.Control() {
			queued.id = wire.AppendID(nil, e.encoder.id(at))
		}
		return queued
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
func (p *publisher) Close(token connection.Token, last event.Event) error {
	if last.IsZero() {
		return p.push(token, func(log.Position) private { return private{final: true} })
	}
	words := &p.engine.encoder.words
	body, err := p.engine.encoder.body(last)
	if err != nil {
		return err
	}
	return p.push(token, func(log.Position) private {
		return private{body: body, final: true, name: words.Of(last.Name)}
	})
}

// push queues the event that build makes for the stream's next position in the log.
func (p *publisher) push(token connection.Token, build func(at log.Position) private) error {
	e := p.engine
	l, err := e.Lock()
	if err != nil {
		return err
	}
	defer l.Unlock()
	s, ok := e.registry.byToken[token]
	if !ok {
		return gateway.ErrUnknownToken
	}
	at := e.audiences.head()
	queued := build(at)
	queued.at, queued.begun = at, time.Now()
	return s.push(queued)
}
