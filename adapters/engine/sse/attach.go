package sse

import (
	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// Attach adds a stream at the position after lastEventID, or at the log's
// end if that is "". From then on it takes events (rule G9). The caller must
// Serve or Detach it. With Config.History, call Resume instead. Errors: ErrTooManyStreams,
// ErrDraining, gateway.ErrClosed.
func (e *Engine) Attach(token connection.Token, lastEventID string) (*Stream, error) {
	return e.attach(&Stream{engine: e, token: token}, e.resumeRequest(lastEventID))
}

// attach adds a stream where r says. Errors: as Attach and
// locateLocked.
func (e *Engine) attach(s *Stream, r resumeRequest) (*Stream, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.attachLocked(s, r)
}

func (e *Engine) attachLocked(s *Stream, r resumeRequest) (*Stream, error) {
	switch {
	case e.closed:
		return nil, gateway.ErrClosed
	case e.draining:
		return nil, ErrDraining
	case e.fullLocked(s):
		return nil, ErrTooManyStreams
	}
	head := e.log.Head()
	at, reset, err := e.locateLocked(r)
	if err != nil {
		return nil, err
	}
	s.at, s.joined = at, head.Events()
	s.offset.Store(at.Off)
	s.begin(e.prelude(at, reset))
	for _, frames := range r.missed {
		s.begin(frames)
	}
	e.streams[s.token] = s
	if e.cfg.MaxStreams > 0 {
		e.names.add(s)
	}
	e.countAttach(head.Events()-at.Events()+r.events, reset)
	return s, nil
}

// begin queues frames that a new stream begins with, after those before.
func (s *Stream) begin(frames []byte) {
	if len(frames) == 0 {
		return
	}
	if s.queue == nil {
		s.queue = newQueue()
	}
	s.queue.private = append(s.queue.private, private{at: s.at, body: frames, own: true})
}

// prelude is what a stream begins with; mostly nothing.
func (e *Engine) prelude(at log.Position, reset stream.ResetReason) []byte {
	var b []byte
	if e.cfg.Format == wire.FormatEnvelope {
		b = append(b, wire.ReadyFrame...)
	}
	if reset != "" {
		b = wire.AppendReset(b, e.id(at), reset)
	}
	return b
}

// id returns the event ID of a position in the log.
func (e *Engine) id(m log.Position) event.ID { return event.ID{Epoch: e.log.Epoch(), Seq: m.Seq} }

// detach removes a stream, and accounts for what it did not get.
func (e *Engine) detach(s *Stream, why error) {
	e.mu.Lock()
	if e.streams[s.token] != s {
		e.mu.Unlock()
		return
	}
	delete(e.streams, s.token)
	e.names.remove(s)
	if s.attachment != nil {
		s.attachment.Detached()
	}
	head := e.log.Head()
	if e.draining && len(e.streams) == 0 {
		close(e.drained)
	}
	e.mu.Unlock()

	s.mu.Lock()
	s.queue.makeRoom()
	s.mu.Unlock()
	e.ledger.Done(max(s.at.Events(), s.joined), head.Events(), 1)
	if e.countEnd(why) {
		s.countLost(head)
	}
}

// countLost counts what a slow consumer had not got as errors (rule M1).
func (s *Stream) countLost(head log.Position) {
	lost := map[event.Service]int{}
	for i, service := range event.Services {
		lost[service] = int(head.Sent[i] - s.at.Sent[i]) //nolint:gosec // bounded by what one stream can lag behind
	}
	for _, p := range s.undelivered() {
		lost[p.service]++
	}
	for _, service := range event.Services {
		if lost[service] > 0 {
			s.engine.metrics.Sent(service, 0, lost[service])
		}
	}
}
