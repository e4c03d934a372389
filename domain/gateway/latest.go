package gateway

import (
	"sync/atomic"

	"heliograph/domain/event"
)

// Latest keeps a Sender's form T of the last event of each service: ten thousand
// clients that connect at once are sent the same version, which is then encoded once.
// Its zero value is empty. It is safe for concurrent use.
type Latest[T any] struct {
	kept [len(event.Services)]atomic.Pointer[encoded[T]]
}

type encoded[T any] struct {
	ev   event.Event
	form T
}

// Of returns what encode makes of ev, or has made of it. Control events are not kept.
// Errors: those of encode.
func (l *Latest[T]) Of(ev event.Event, encode func(event.Event) (T, error)) (T, error) {
	var kept *atomic.Pointer[encoded[T]]
	for i, service := range event.Services {
		if service == ev.Service {
			kept = &l.kept[i]
		}
	}
	if kept == nil {
		return encode(ev)
	}
	if known := kept.Load(); known != nil && same(known.ev, ev) {
		return known.form, nil
	}
	form, err := encode(ev)
	if err == nil {
		kept.Store(&encoded[T]{ev, form})
	}
	return form, err
}

// same reports whether both are the very same event. The data of an event never changes
// once it was handed over, so the same memory is the same data.
func same(a, b event.Event) bool {
	return a.Name == b.Name && a.Key == b.Key && len(a.Data) == len(b.Data) && len(b.Data) > 0 && &a.Data[0] == &b.Data[0]
}
