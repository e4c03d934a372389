package sse

import (
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// SendParts queues the first part of a state for one stream. When that is written
// the next one takes its place, after all that was published until then: so a large
// state neither waits in memory nor keeps the stream behind the log. Errors: as Send.
func (p *publisher) SendParts(token connection.Token, next gateway.Parts) error {
	e := p.engine
	first, _, err := e.encoder.part(next) // there always is one
	if err == nil {
		err = p.push(token, func(at log.Position) private { return first.placed(&e.encoder, at) })
	}
	ok, failed := 1, 0
	if err != nil {
		ok, failed = 0, 1
	}
	e.metrics.Sent(first.service, ok, failed)
	return err
}

// placed returns p to be written when the log is written up to at, with the ID of that
// position.
func (p private) placed(e *encoder, at log.Position) private {
	p.at, p.id, p.begun = at, wire.AppendID(nil, e.id(at)), time.Now()
	return p
}

// follow queues the part that comes after another, which is written. With Stream.mu held, so that nothing which
// was handed over for a later position is queued before it.
func (q *queue) follow(e *Engine, before private) {
	p, ok, err := e.encoder.part(before.next)
	if !ok {
		return
	}
	if err != nil {
		e.metrics.Sent(p.service, 0, 1)
		return
	}
	at := e.audiences.head()
	at.Seq = max(at.Seq, before.at.Seq)
	if last := len(q.private) - 1; last >= 0 { // an event for some that not all streams have been queued yet
		at.Seq = max(at.Seq, q.private[last].at.Seq)
	}
	q.private = append(q.private, p.placed(&e.encoder, at))
	e.metrics.Sent(p.service, 1, 0)
}
