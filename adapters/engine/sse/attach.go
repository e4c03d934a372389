package sse

import (
	"math"

	"heliograph/adapters/engine/sse/log"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// Attach adds a stream at the position after lastEventID, or at the log's
// end if that is "". From then on it takes events (rule G9). The caller must
// Serve or Detach it. With Config.History, call Resume instead. Errors: ErrTooManyStreams,
// ErrDraining, gateway.ErrClosed.
func (e *Engine) Attach(token connection.Token, lastEventID string) (*Stream, error) {
	return e.resumer.attach(token, "", newResumeRequest(e.log.Epoch(), lastEventID))
}

// attach adds s where r says. Errors: as Engine.Attach and resumer.locate.
func (l Locked) attach(s *Stream, r resumeRequest) (*Stream, error) {
	e := l.engine
	switch {
	case e.drainer.draining:
		return nil, ErrDraining
	case e.registry.full(s):
		return nil, ErrTooManyStreams
	}
	head := e.log.Head()
	at, reset, err := e.resumer.locate(r)
	if err != nil {
		return nil, err
	}
	s.at, s.record.joined = at, head.Events()
	s.offset.Store(at.Off)
	if s.single {
		s.skipLog()
	}
	s.begin(e.encoder.prelude(at, reset))
	for _, frames := range r.missed {
		s.begin(frames)
	}
	e.registry.add(s)
	e.audiences.join(s, r.viewer)
	behind := head.Events() - at.Events() + r.events
	if reset == "" && !r.id.IsZero() {
		behind += e.audiences.catchUp(s, r.id.Seq)
	}
	e.counted.attached(behind, reset)
	s.record.resumed = !r.id.IsZero() || r.reset != ""
	s.record.began(behind, reset, &e.encoder.words, head)
	return s, nil
}

// skipLog makes s, which no transport writes yet, one that does not read the log.
func (s *Stream) skipLog() {
	s.single = true
	s.record.skipLog()
	s.offset.Store(math.MaxUint64)
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

// detach removes a stream, and accounts for what it did not get.
func (e *Engine) detach(s *Stream, why error) {
	e.mu.Lock()
	if !e.registry.remove(s) {
		e.mu.Unlock()
		return
	}
	if s.attachment != nil {
		s.attachment.Detached()
	}
	e.audiences.leave(s)
	head := e.log.Head()
	e.drainer.left(len(e.registry.byToken))
	e.mu.Unlock()

	s.mu.Lock()
	s.queue.makeRoom()
	undelivered := s.queue.waiting()
	s.mu.Unlock()
	for _, p := range undelivered {
		if p.delivery != nil {
			p.delivery.done(e.metrics)
		}
	}
	e.latencies.Done(max(s.at.Events(), s.record.joined), head.Events(), 1)
	lost := 0
	if e.counted.ended(why) {
		lost = s.countLost(head, undelivered)
	}
	e.inspector.remember(s, why, lost)
}

// countLost counts what a slow consumer had not got as errors (rule M1), of the log and of
// what waited, and returns how much that is.
func (s *Stream) countLost(head log.Position, undelivered []private) (all int) {
	lost := map[event.Service]int{}
	for i, service := range event.Services {
		if !s.single {
			lost[service] += head.EventsSince(s.at, i)
		}
		if s.member != nil {
			lost[service] += s.member.missed[i]
		}
	}
	for _, p := range undelivered {
		lost[p.service]++
	}
	for _, service := range event.Services {
		if lost[service] > 0 {
			s.engine.metrics.Sent(service, 0, lost[service])
			all += lost[service]
		}
	}
	return all
}
