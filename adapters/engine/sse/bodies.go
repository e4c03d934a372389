package sse

import (
	"sync/atomic"

	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
)

// bodies encodes private events, and keeps the last one of each service: ten
// thousand clients that connect at once are sent the same snapshot and version,
// which is then encoded once and shared by all their queues.
type bodies struct {
	task, version atomic.Pointer[body]
}

// body is an encoded event without its ID.
type body struct {
	ev    event.Event
	bytes []byte
}

// of returns ev's body, which must not be changed. Errors: event.ErrInvalid.
func (b *bodies) of(f wire.Format, ev event.Event) ([]byte, error) {
	last := &b.task
	if ev.Service == event.ServiceVersion {
		last = &b.version
	}
	if known := last.Load(); known != nil && known.is(ev) {
		return known.bytes, nil
	}
	if err := ev.Validate(); err != nil {
		return nil, err
	}
	made := &body{ev: ev, bytes: f.AppendEvent(nil, ev)}
	if !ev.Control() {
		last.Store(made)
	}
	return made.bytes, nil
}

// is reports whether b is of the very same event. Nobody changes an event's
// data once it was handed over, so the same memory is the same data.
func (b *body) is(ev event.Event) bool {
	return b.ev.Name == ev.Name && b.ev.Service == ev.Service && len(b.ev.Data) == len(ev.Data) &&
		len(ev.Data) > 0 && &b.ev.Data[0] == &ev.Data[0]
}
