package httpsender

import (
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// ProbeInterval is how often idle streams that lost an event are tried again.
const ProbeInterval = probeInterval

// What may wait for one stream.
const (
	MaxEvents = maxEvents
	MaxBytes  = maxBytes
)

// Body returns the body of a push.
func Body(token connection.Token, ev event.Event, closing bool) ([]byte, error) {
	m, err := encode(ev, closing)
	if err != nil {
		return nil, err
	}
	return m.body(token), nil
}

// Lanes returns how many lanes exist.
func (s *Sender) Lanes() int {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	return len(s.lanes.byToken)
}
