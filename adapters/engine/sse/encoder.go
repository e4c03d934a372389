package sse

import (
	"bytes"
	"sync"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// encoder makes frames of what is for one stream. It is safe for concurrent use.
type encoder struct {
	format wire.Format
	epoch  string
	bodies gateway.Latest[[]byte]
	words  fates.Words // names of events, and why streams ended
}

// body returns the frame of ev but for its ID; streams that are sent the same event one
// after the other share it. Errors: event.ErrInvalid.
func (e *encoder) body(ev event.Event) ([]byte, error) { return e.bodies.Of(ev, e.encode) }

// part takes the next part, whose bytes all streams share; ok is false if there is none.
// Errors: event.ErrInvalid.
func (e *encoder) part(next gateway.Parts) (p private, ok bool, err error) {
	part, more := next()
	if part == nil {
		return private{}, false, nil
	}
	body, err := gateway.Encoded(part, e.encode)
	p = private{body: body, service: part.Service(), own: true, name: e.words.Of(part.Name())}
	if more {
		p.next = next
	}
	return p, true, err
}

// encode makes the frame of ev but for its ID. Errors: event.ErrInvalid.
func (e *encoder) encode(ev event.Event) ([]byte, error) {
	if err := ev.Validate(); err != nil {
		return nil, err
	}
	return e.format.AppendEvent(make([]byte, 0, wire.FrameSize(ev)), ev), nil
}

// prelude is what a stream begins with; mostly nothing.
func (e *encoder) prelude(at log.Position, reset stream.ResetReason) []byte {
	var b []byte
	if e.format == wire.FormatEnvelope {
		b = append(b, wire.ReadyFrame...)
	}
	if reset != "" {
		b = wire.AppendReset(b, e.id(at), reset)
	}
	return b
}

// id returns the event ID of a position in the log.
func (e *encoder) id(m log.Position) event.ID { return event.ID{Epoch: e.epoch, Seq: m.Seq} }

// frame encodes a log event, and returns how many bytes the line with its ID has.
func (e *encoder) frame(rec event.Record) (frame []byte, idBytes int) {
	scratch := frames.Get().(*[]byte) //nolint:forcetypeassert // the pool has nothing else
	defer frames.Put(scratch)
	b := wire.AppendID((*scratch)[:0], rec.ID)
	idBytes = len(b)
	*scratch = e.format.AppendEvent(b, rec.Event)
	return bytes.Clone(*scratch), idBytes
}

// frames holds memory to encode into: how long a frame is, is not known before.
var frames = sync.Pool{New: func() any { return new([]byte) }}
