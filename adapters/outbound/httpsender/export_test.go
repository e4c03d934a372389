package httpsender

import (
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// How often what is done, and how much at a time.
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
	MaxAdopting   = maxAdopting
)

// What may wait for one stream, and for all.
var (
	MaxEvents      = laneBound.events
	MaxBytes       = laneBound.bytes
	MaxTrunkEvents = trunkBound.events
	MaxTokens      = maxTokens
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
	s.trunk.lanes.mu.Lock()
	defer s.trunk.lanes.mu.Unlock()
	return len(s.trunk.lanes.byToken)
}

// LaneStates and LaneEvents are all states of a lane and all that changes them, by
// name.
var (
	LaneStates = map[string]laneState{
		"idle": laneIdle, "held": laneHeld, "greeting": laneGreeting, "queued": laneQueued,
		"queued to recover": laneQueuedToRecover, "recovering": laneRecovering, "sending": laneSending,
	}
	LaneEvents = map[string]laneEvent{
		"wake": laneWake, "begin": laneBegin, "recovered": laneRecovered, "more": laneMore, "done": laneDone,
		"hold": laneHold, "greet": laneGreet, "let go": laneLetGo,
	}
)

// AfterLaneEvent names the state after an event, and says what it means for others.
func AfterLaneEvent(state, ev string, recovery bool) (next string, busy, recovers, collects bool) {
	after := LaneStates[state].after(LaneEvents[ev], recovery)
	for name, s := range LaneStates {
		if s == after {
			next = name
		}
	}
	return next, after.busy(), after.recovers(), after.collects()
}

// AlreadyTaken is how many of the events in flight need not be posted when clients have
// come back that had got all up to these places, one after the other. A zero place is that
// of a control event, and a place that is there twice that of an event in two parts; last is
// the place of the log event before them.
func AlreadyTaken(last event.ID, flying, got []event.ID) int {
	f := inFlight{place: last}
	for _, id := range flying {
		m := &message{body: &body{}, id: id}
		for _, other := range f.messages {
			if other.id == id && !id.IsZero() {
				other.parts, m.parts = 2, 2
			}
		}
		f.messages = append(f.messages, m)
	}
	for _, id := range got {
		f.noteTaken(id)
	}
	return f.alreadyTaken()
}
