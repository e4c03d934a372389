package sse

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/gateway"
)

// Why a stream ends.
var (
	errRefused = errors.New("the stream was not opened")
)

// Stream is one browser's stream: a position in the log and, rarely, private
// events. It takes events from Attach on, and delivers them once a transport
// writes it: a shard after Adopt, or the goroutine that calls Serve.
type Stream struct {
	engine *Engine
	token  connection.Token
	name   string // its client's for it; "" is none

	attachment Attachment // what it was attached with; nil if nothing; guarded by Engine.mu
	member     *member    // its part in audiences; nil if it has none; see there

	active int64            // when private events were last written, in Unix nanoseconds; owned by the transport
	at     log.Position     // what it has written, a frame boundary; owned by the transport
	offset atomic.Uint64    // at.Off, for Engine.endBefore, which looks for slow consumers
	socket transport.Socket // owned by the shard that writes it, if one does

	mu         sync.Mutex
	queue      *queue // guarded by mu
	verdict    error  // why the stream must end now; guarded by mu
	writer     writer // once it has one; guarded by mu
	handedOver bool   // to a shard, which gets it in a moment; guarded by mu
	single     bool   // does not read the log that is for everyone (access.Viewer.Single)
	record     record // guarded by mu
}

// writer writes streams. Its methods are called with Stream.mu held.
type writer interface {
	// wake says that there may be something new for s.
	wake(s *Stream)
	// interrupt says that s must end, even if it is stuck in a write.
	interrupt(s *Stream)
}

// Token is the stream's name.
func (s *Stream) Token() connection.Token { return s.token }

// Detach gives up a stream that no transport has taken. Afterwards, and a
// second time, it does nothing.
func (s *Stream) Detach() {
	s.mu.Lock()
	taken := s.handedOver || s.writer != nil
	s.mu.Unlock()
	if !taken {
		s.engine.detach(s, errRefused)
	}
}

// take makes w the stream's writer.
func (s *Stream) take(w writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer = w
}

// next decides what to write; no bytes mean that there is nothing yet. With a buf, in
// which private events are put together, it is as it goes over the wire; without, one
// private event or the log's chunks. Until wrotePrivate or moveTo records progress, it
// returns the same again, and perhaps more.
//
// The log is read before the private events: what was queued before an event
// was appended is then seen with it, and so leaves before it.
func (s *Stream) next(buf []byte) (transport.Step, error) {
	var chunk []byte
	var to log.Position
	var err error
	for {
		if s.single {
			to = s.engine.log.Head()
		} else {
			chunk, to, err = s.engine.log.Read(s.at.Off)
		}
		s.mu.Lock()
		if !s.member.fetchDue(s.queue) || err != nil || s.verdict != nil {
			break
		}
		s.mu.Unlock() // fetch locks Engine.mu, which comes before it
		s.engine.fetch(s)
	}
	defer s.mu.Unlock()
	if s.verdict != nil {
		return transport.Step{}, s.verdict
	}
	if err != nil {
		return transport.Step{}, transport.ErrSlowLog
	}
	if s.single || s.needless(chunk) {
		s.moveTo(to)
		chunk = nil
	}
	if s.queue == nil {
		return s.fromLog(buf, chunk, to), nil
	}
	if chunk = s.leaveOut(chunk, to); s.queue == nil {
		return s.fromLog(buf, chunk, to), nil
	}
	p := s.queue.private[0]
	due := p.at.Off <= s.at.Off && p.skip == 0
	if due && buf == nil && p.size() > 0 {
		return transport.Step{Private: true, ID: p.id, Bytes: p.body}, nil
	}
	if due && buf != nil {
		if b := s.queue.appendDue(buf, s.at, s.member.limit(), s.socket.Chunked()); len(b) > 0 {
			return transport.Step{Private: true, Bytes: b}, nil
		}
	}
	if p.final && due {
		return transport.Step{}, transport.ErrEnded // without a last event
	}
	if p.at.Off < to.Off {
		chunk, to = chunk[:p.at.Off-s.at.Off], p.at
	}
	return s.fromLog(buf, chunk, to), nil
}

// fromLog is the step that writes these chunks of the log.
func (s *Stream) fromLog(buf, chunks []byte, to log.Position) transport.Step {
	if buf != nil && !s.socket.Chunked() {
		chunks = wire.AppendFrames(buf, chunks)
	}
	return transport.Step{Bytes: chunks, To: to}
}

// leaveOut moves the stream over what it leaves out, and returns the rest of chunk,
// which the log has from the stream's position up to the position to.
func (s *Stream) leaveOut(chunk []byte, to log.Position) []byte {
	for skip, ok := s.queue.nextSkip(s.at.Off, to.Off); ok; skip, ok = s.queue.nextSkip(s.at.Off, to.Off) {
		after := skip.at
		after.Off += uint64(skip.skip) //nolint:gosec // the length of frames
		if after.Off > s.at.Off {
			chunk = chunk[after.Off-s.at.Off:]
			s.moveTo(after)
		}
		s.queue.private = s.queue.private[1:]
	}
	if len(s.queue.private) == 0 {
		s.queue = nil
	}
	return chunk
}

// needless reports whether chunk is a heartbeat, which the log got because it
// was silent, while this stream was not.
func (s *Stream) needless(chunk []byte) bool {
	return s.active != 0 && !s.socket.Midway() && wire.IsHeartbeat(chunk) &&
		time.Now().UnixNano()-s.active < int64(s.engine.cfg.Heartbeat)
}

// wrotePrivate drops the private events that the first n bytes of what waits
// are, and returns how many bytes of the next one are written, and whether the
// last event of all was among them.
func (s *Stream) wrotePrivate(n int) (rest int, final bool) {
	now := time.Now()
	s.active = now.UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	for n > 0 && n >= q.private[0].wireSize(s.socket.Chunked()) {
		p := q.private[0]
		n -= p.wireSize(s.socket.Chunked())
		q.count(p, -1)
		q.private = q.private[1:]
		p.delivered(s.engine.metrics)
		if p.name != 0 {
			s.record.noteLog(s.at)
			s.record.note(fates.Entry{Kind: diagnosis.Written, Name: p.name, Count: 1, Seq: p.at.Seq, At: fates.StampOf(now)})
		}
		if p.final {
			q.makeRoom()
			return n, true
		}
		if p.next != nil && !q.final {
			q.follow(s.engine, p)
		}
	}
	q.makeRoom()
	if len(q.private) == 0 {
		s.queue = nil
	}
	return n, false
}

// moveTo moves on after the log was written up to the position to, and returns
// which of the events counted for s that were: those after from.
func (s *Stream) moveTo(to log.Position) (from uint64) {
	from = max(s.at.Events(), s.record.joined)
	s.at = to
	if !s.single {
		s.offset.Store(to.Off)
		if to.Events() > from {
			s.record.wrote.Store(s.engine.published.Load())
		}
	}
	return from
}

// prepend queues what goes out before all that waits.
func (s *Stream) prepend(p private) {
	p.at, p.own = s.at, true
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		s.queue = newQueue()
	}
	s.queue.private = slices.Insert(s.queue.private, 0, p)
}

// push queues a private event. The engine calls it under its mutex, so that the
// event's position is before that of the next event appended. Errors:
// gateway.ErrUnknownToken after the last event, gateway.ErrStreamFull over the
// limit, which ends the stream.
func (s *Stream) push(p private) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		s.queue = newQueue()
	}
	if s.queue.final || s.verdict != nil {
		return gateway.ErrUnknownToken
	}
	if s.queue.over(p.size(), s.engine.cfg.PrivateBytes) && !p.final && !p.own {
		s.endLocked(gateway.ErrStreamFull)
		return gateway.ErrStreamFull
	}
	s.queue.add(p)
	if s.writer != nil {
		s.writer.wake(s)
	}
	return nil
}

// end ends the stream without regard to what waits, also if it is stuck in a
// write.
func (s *Stream) end(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(why)
}

func (s *Stream) endLocked(why error) {
	if s.verdict != nil {
		return
	}
	s.verdict = why
	s.queue.makeRoom()
	if s.writer != nil {
		s.writer.interrupt(s)
	}
}

// reasonOf says why a stream ended in the gateway protocol's words.
func reasonOf(err error) connection.Reason {
	switch {
	case errors.Is(err, transport.ErrClientGone):
		return connection.ReasonClientClosed
	case errors.Is(err, transport.ErrSlowLog), errors.Is(err, transport.ErrStalled), errors.Is(err, transport.ErrEnded),
		errors.Is(err, transport.ErrShutdown), errors.Is(err, gateway.ErrStreamFull):
		return connection.ReasonServerClosed
	default:
		return connection.ReasonError
	}
}
