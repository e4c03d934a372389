package gateway

import (
	"sync"

	"heliograph/domain/event"
)

// Parts gives the parts of a state that one stream is sent, such as the task
// snapshot: each call the next one, and whether more may follow. From the second call on
// it may return nil: nothing follows after all. It is not called again after that, or
// after it said that nothing does. It never blocks and calls no Sender, because senders
// call it under their locks; calls do not overlap.
type Parts func() (part *Part, more bool)

// Part is one private event that many streams are sent. A Sender encodes it once, for
// all of them. It is safe for concurrent use.
type Part struct {
	service event.Service
	name    string

	mu   sync.Mutex
	ev   event.Event // without its payload once that is encoded; guarded by mu
	form any         // of the Sender; guarded by mu
}

// NewPart returns a part that is ev.
func NewPart(ev event.Event) *Part { return &Part{service: ev.Service, name: ev.Name, ev: ev} }

// Name is the name of the event.
func (p *Part) Name() string { return p.name }

// Service is the service that the event is counted for.
func (p *Part) Service() event.Service { return p.service }

// Encoded returns what encode made of the part's event when it was first called
// without an error. The event is not kept beside that, so one Sender only may take a
// part. Errors: those of encode.
func Encoded[T any](p *Part, encode func(event.Event) (T, error)) (T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.form == nil {
		form, err := encode(p.ev)
		if err != nil {
			return form, err
		}
		p.form, p.ev = form, event.Event{}
	}
	form, _ := p.form.(T) // one Sender has one form
	return form, nil
}
