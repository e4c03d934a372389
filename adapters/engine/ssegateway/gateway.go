package ssegateway

import (
	"errors"
	"sort"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Engine is what a Gateway uses of the stream engine.
type Engine interface {
	// Lock holds up everything that gives a frame its position.
	Lock() (sse.Locked, error)
	// Format is how events are encoded.
	Format() wire.Format
}

// Gateway places a backend's events on the streams of an engine. All streams of the
// engine are attached by it. It is safe for concurrent use.
type Gateway struct {
	engine  Engine
	waiting chan struct{} // holds one token for each push that waits for room

	// Guarded by the engine's mutex.
	newest event.ID             // of what the backend published; zero if that is no position
	began  log.Position         // where the epoch of newest begins
	recent []published          // the last events of that epoch, in order
	ahead  map[*Stream]event.ID // those whose clients have got more than the log
}

// published is where the log has an event of the backend.
type published struct {
	seq   uint64
	after log.Position // right after it
}

// maxRecent is how many events a Gateway remembers the positions of: those of the time in
// which a backend may connect, and be late with what it pushes.
const maxRecent = 4096

// New returns a Gateway for an engine without streams.
func New(engine Engine) *Gateway {
	return &Gateway{engine: engine, waiting: make(chan struct{}, maxWaitingPushes), ahead: make(map[*Stream]event.ID)}
}

// Attach adds a stream that no backend has accepted yet, whose client has got everything
// up to client.LastEventID: what is pushed to it goes out before the log, until Open. The
// log goes on after that, if it holds that, and at its end otherwise. The caller must
// Adopt, Serve or Detach it. Errors: as sse.Engine.Attach.
func (g *Gateway) Attach(token connection.Token, client sse.Client) (*Stream, error) {
	l, err := g.engine.Lock()
	if err != nil {
		return nil, err
	}
	defer l.Unlock()
	s := &Stream{gateway: g}
	if s.Stream, err = l.Attach(token, client.Name, s); err != nil {
		return nil, err
	}
	s.begin(client.LastEventID)
	return s, nil
}

// Publish appends f to the log, for every stream, open or pending, and returns
// how many they are. An event whose ID the log holds already, or has gone past, was
// published before and is not again. Errors: gateway.ErrClosed.
func (g *Gateway) Publish(f Frame) (streams int, err error) {
	l, err := g.engine.Lock()
	if err != nil {
		return 0, err
	}
	defer l.Unlock()
	if f.control() {
		f.id = "" // it is in the frame, but names another event's position
	}
	if _, _, known := l.Find(f.id); !known && !g.isPast(f) {
		g.skipWhereKnown(l, f)
		l.Append(f.id, f.name, f.bytes)
		g.remember(l, f)
	}
	return l.Streams(), nil
}

// PublishTo queues f, a log event, for the streams of some tokens, after all that was
// published, and returns how many they are and which tokens are unknown. A stream that is
// over its limit ends, and is in neither. A stream that was sent f, or a later one that
// was for some, is not sent it again. Errors: gateway.ErrClosed.
func (g *Gateway) PublishTo(tokens []connection.Token, f Frame) (delivered int, unknown []connection.Token, err error) {
	l, err := g.engine.Lock()
	if err != nil {
		return 0, nil, err
	}
	defer l.Unlock()
	for _, token := range tokens {
		s, ok := l.Attachment(token).(*Stream)
		if !ok {
			unknown = append(unknown, token)
			continue
		}
		err := error(nil)
		if p, repeated := s.scheduleNamed(l, f); !repeated {
			err = l.Queue(s.Stream, p)
		}
		switch {
		case err == nil:
			delivered++
		case errors.Is(err, gateway.ErrUnknownToken):
			unknown = append(unknown, token)
		}
	}
	return delivered, unknown, nil
}

// isPast reports whether f is a log event that others have followed: the gateway before
// this one had it, or the log has forgotten it.
func (g *Gateway) isPast(f Frame) bool {
	id, err := event.ParseID(f.id)
	return err == nil && before(id, g.newest)
}

// skipWhereKnown makes the streams whose clients have got f, which is appended next, leave
// it out.
func (g *Gateway) skipWhereKnown(l sse.Locked, f Frame) {
	id, err := event.ParseID(f.id)
	if err != nil {
		return
	}
	for s, had := range g.ahead {
		if !before(had, id) && had.Epoch == id.Epoch {
			l.SkipNext(s.Stream, len(f.bytes))
		}
		if !before(id, had) {
			delete(g.ahead, s)
		}
	}
	if id.Epoch != g.newest.Epoch {
		g.began, g.recent = l.Head(), nil
	}
	g.newest = id
}

// remember keeps the position of f, which was appended last.
func (g *Gateway) remember(l sse.Locked, f Frame) {
	if id, err := event.ParseID(f.id); err == nil && id == g.newest {
		if len(g.recent) == maxRecent {
			g.recent = append(g.recent[:0], g.recent[maxRecent/2:]...)
		}
		g.recent = append(g.recent, published{seq: id.Seq, after: l.Head()})
	}
}

// positionAfter returns the position right after all that was published up to id, which the
// log need not have itself; known is false if it cannot tell.
func (g *Gateway) positionAfter(l sse.Locked, id event.ID) (at log.Position, known bool) {
	if id.IsZero() || id.Epoch != g.newest.Epoch {
		return at, false
	}
	if !before(id, g.newest) {
		return l.Head(), true
	}
	n := sort.Search(len(g.recent), func(i int) bool { return g.recent[i].seq > id.Seq })
	if n == 0 {
		return at, false
	}
	return g.recent[n-1].after, true
}

// before reports whether a comes before b in one log.
func before(a, b event.ID) bool { return a.Epoch == b.Epoch && a.Seq < b.Seq }

// recordAhead records that a client has got everything up to id, unless the log has
// reached id already.
func (g *Gateway) recordAhead(s *Stream, id event.ID) {
	if g.newest.IsZero() || before(g.newest, id) {
		g.ahead[s] = id
	}
}

// Push queues f for one stream and, if last, ends the stream after it. With the
// zero Frame it does either nothing or the latter. A log event that the stream has
// been sent, or will be sent by the log, is not queued again: a backend repeats
// what it got no answer to. It reports whether the stream is pending. Errors: gateway.ErrUnknownToken,
// gateway.ErrStreamFull, gateway.ErrClosed.
func (g *Gateway) Push(token connection.Token, f Frame, last bool) (pending bool, err error) {
	l, err := g.engine.Lock()
	if err != nil {
		return false, err
	}
	defer l.Unlock()
	s, ok := l.Attachment(token).(*Stream)
	if !ok {
		return false, gateway.ErrUnknownToken
	}
	if len(f.bytes) == 0 && !last {
		return s.pending != nil, nil
	}
	p, repeated := s.schedule(l, f)
	switch {
	case repeated && !last:
		return s.pending != nil, nil
	case repeated:
		p = sse.PrivateFrame{At: l.Head()} // the end alone
	}
	p.Last = last
	return s.pending != nil, l.Queue(s.Stream, p)
}
