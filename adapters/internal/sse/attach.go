package sse

import (
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Attach adds a stream at the place where lastEventID left off, or at the log's
// end if that is "". From then on it takes events (rule G9). The caller must
// Serve or Detach it. Errors: ErrTooManyStreams, ErrDraining,
// gateway.ErrClosed.
func (e *Engine) Attach(token connection.Token, lastEventID string) (*Stream, error) {
	return e.attach(&Stream{engine: e, token: token}, lastEventID)
}

func (e *Engine) attach(s *Stream, lastEventID string) (*Stream, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, gateway.ErrClosed
	case e.draining:
		return nil, ErrDraining
	case e.cfg.MaxStreams > 0 && len(e.streams) >= e.cfg.MaxStreams:
		return nil, ErrTooManyStreams
	}
	head := e.log.head()
	at, reset := e.locateLocked(lastEventID)
	s.at, s.joined = at, head.events()
	s.offset.Store(at.off)
	if prelude := e.prelude(at, reset); prelude != nil {
		s.queue = &queue{private: []private{{at: at, body: prelude, own: true}}}
	}
	e.streams[s.token] = s
	e.countAttach(head.events()-at.events(), reset)
	return s, nil
}

// prelude is what a stream begins with; mostly nothing.
func (e *Engine) prelude(at mark, reset ResetReason) []byte {
	var b []byte
	if e.cfg.Format == FormatEnvelope {
		b = append(b, readyFrame...)
	}
	if reset != "" {
		b = appendReset(b, e.id(at), reset)
	}
	return b
}

// locateLocked finds where a client goes on (rules G2, G3).
func (e *Engine) locateLocked(lastEventID string) (mark, ResetReason) {
	head := e.log.head()
	if lastEventID == "" {
		return head, ""
	}
	id, err := event.ParseID(lastEventID)
	switch {
	case err != nil:
		return head, ResetInvalid
	case id.Epoch != e.log.epoch:
		return head, ResetEpoch
	case id.Seq > head.seq:
		return head, ResetInvalid
	}
	at, err := e.log.after(id.Seq)
	if err != nil {
		return head, ResetExpired
	}
	return at, ""
}

// id is the event ID of a place in the log.
func (e *Engine) id(m mark) event.ID { return event.ID{Epoch: e.log.epoch, Seq: m.seq} }

// detach removes a stream, and accounts for what it did not get.
func (e *Engine) detach(s *Stream, why error) {
	e.mu.Lock()
	if e.streams[s.token] != s {
		e.mu.Unlock()
		return
	}
	delete(e.streams, s.token)
	head := e.log.head()
	if e.draining && len(e.streams) == 0 {
		close(e.drained)
	}
	e.mu.Unlock()

	e.ledger.done(max(s.at.events(), s.joined), head.events(), 1)
	if e.countEnd(why) {
		s.countLost(head)
	}
}

// countLost counts what a slow consumer had not got as errors (rule M1).
func (s *Stream) countLost(head mark) {
	lost := map[event.Service]int{}
	for i, service := range event.Services {
		lost[service] = int(head.sent[i] - s.at.sent[i]) //nolint:gosec // bounded by what one stream can lag behind
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
