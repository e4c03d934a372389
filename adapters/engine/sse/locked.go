package sse

import (
	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// Locked is an engine whose mutex is held: what package ssegateway builds on, to give
// frames positions by rules of its own. All that is done before Unlock is one step for
// everybody else.
//
// The methods that take a Stream and say so are for one that no transport writes yet.
type Locked struct{ engine *Engine }

// Attachment is what the caller of Locked.Attach keeps with a stream.
type Attachment interface {
	// Detached says that the stream has ended. It is called with the engine's mutex held.
	Detached()
}

// PrivateFrame is an encoded event for one stream.
type PrivateFrame struct {
	At   log.Position // it is sent when the stream has written the log up to here
	ID   []byte       // the line with its ID, if Body is without
	Body []byte
	Last bool // ends the stream
}

// QueuedFrames says which of the frames that are queued for a stream are meant.
type QueuedFrames int

const (
	// PreludeFrames are those that a stream begins with.
	PreludeFrames QueuedFrames = iota
	// AllFrames are those and all others.
	AllFrames
)

// Lock holds everything up that gives a frame its position. The caller must Unlock soon,
// and call no other methods of the engine or of streams until then. Errors:
// gateway.ErrClosed; then nothing is locked.
func (e *Engine) Lock() (Locked, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return Locked{}, gateway.ErrClosed
	}
	return Locked{e}, nil
}

// Unlock ends what Lock began.
func (l Locked) Unlock() { l.engine.mu.Unlock() }

// Attach adds a stream at the log's end, as Engine.Attach does.
func (l Locked) Attach(token connection.Token, name string, with Attachment) (*Stream, error) {
	return l.attach(&Stream{engine: l.engine, token: token, name: name, attachment: with}, resumeRequest{})
}

// Attachment returns what token's stream was attached with; nil if there is no such
// stream or nothing.
func (l Locked) Attachment(token connection.Token) Attachment {
	if s := l.engine.registry.byToken[token]; s != nil {
		return s.attachment
	}
	return nil
}

// Streams returns how many streams there are.
func (l Locked) Streams() int { return len(l.engine.registry.byToken) }

// Head returns the log's end.
func (l Locked) Head() log.Position { return l.engine.log.Head() }

// Find returns the frame that Append added under id last, and the position right after
// it, if the log still has it; never for "".
func (l Locked) Find(id string) (frame []byte, after log.Position, known bool) {
	return l.engine.log.Find(id)
}

// Append adds the frame of an event of that name to the log; unless id is "", Find finds
// it.
func (l Locked) Append(id, name string, frame []byte) {
	l.engine.log.AppendFrame(id, frame)
	if stream.IsControl(name) {
		l.engine.audiences.queueForSingles("", frame)
	}
	if name == stream.NamePing {
		l.engine.beats.pinged()
	}
	l.appended()
}

// appended wakes what waits for the log to grow.
func (l Locked) appended() {
	e := l.engine
	e.beats.appended()
	e.resumer.release()
	e.shards.nudge()
	e.rounds.wake()
}

// Queue queues a frame for s. Errors: gateway.ErrUnknownToken after the last one,
// gateway.ErrStreamFull over the limit, which ends the stream.
func (l Locked) Queue(s *Stream, f PrivateFrame) error {
	return s.push(private{at: f.At, id: f.ID, body: f.Body, final: f.Last})
}

// Room returns nil if so many bytes more may be queued for s, or a channel that is
// closed when that may have changed.
func (l Locked) Room(s *Stream, bytes int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.queue.over(bytes, l.engine.cfg.PrivateBytes) {
		return nil
	}
	return s.queue.awaitRoom()
}

// Begin returns the position from which s, which no transport writes yet, gets the log.
func (l Locked) Begin(s *Stream) log.Position { return s.at }

// LastQueued returns the position at which the last frame that is queued for s is sent,
// or Begin without one. No transport may write s yet.
func (l Locked) LastQueued(s *Stream) log.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.lastPosition(s.at)
}

// ContinueAt makes s, which no transport writes yet, get the log from a position on. Of
// the frames that are queued for later positions, those meant are sent before that.
func (l Locked) ContinueAt(s *Stream, at log.Position, first QueuedFrames) {
	s.at = at
	s.offset.Store(at.Off)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.moveBefore(at, first)
}

// LeaveOutLog makes s, which no transport writes yet, leave out the log but for control
// events, as the stream of one task does.
func (l Locked) LeaveOutLog(s *Stream) {
	s.skipLog()
	l.engine.audiences.single[s] = struct{}{}
}

// SkipNext makes s leave out the next frame that is appended, of so many bytes.
func (l Locked) SkipNext(s *Stream, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		s.queue = newQueue()
	}
	s.queue.skip(l.Head(), wire.ChunkSize(bytes))
}
