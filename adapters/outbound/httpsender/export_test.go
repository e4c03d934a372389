package httpsender

import (
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// How often what is done.
const (
	SweepInterval = sweepInterval
	LookInterval  = lookInterval
	AskInterval   = askInterval
	MatchPause    = matchPause
	ResumeTime    = resumeTime
	MaxReplay     = maxReplay
	MaxFailures   = maxFailures
	HealTime      = healTime
	MaxLosses     = maxLosses
	LossWindow    = lossWindow
)

// What may wait for one stream, and for all.
var (
	MaxEvents      = laneBound.events
	MaxBytes       = laneBound.bytes
	MaxTrunkEvents = trunkBound.events
)

// Body returns the body of a push, without ID.
func Body(token connection.Token, ev event.Event, closing bool) ([]byte, error) {
	b, err := encode(ev)
	if err != nil {
		return nil, err
	}
	return (&message{body: b, closing: closing}).push(token, true), nil
}

// Lanes returns how many lanes exist.
func (s *Sender) Lanes() int {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	return len(s.outbox.byToken)
}
