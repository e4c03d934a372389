package httpsender

import (
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// laneState says what happens to a lane now (see the package's documentation).
type laneState uint8

const (
	laneIdle            laneState = iota // nothing to send; it exists for what it remembers
	laneHeld                             // its stream resumes: no turn
	laneGreeting                         // its stream is being adopted: no turn
	laneQueued                           // waits for its turn
	laneQueuedToRecover                  // likewise, and a recovery comes first
	laneRecovering                       // has its turn: observers hand over the state
	laneSending                          // has its turn: an event is with the gateway
)

// laneEvent is what changes a lane's state.
type laneEvent uint8

const (
	laneWake      laneEvent = iota // there is something to send, or to recover
	laneBegin                      // a worker begins the lane's turn
	laneRecovered                  // the observers have handed over the state
	laneMore                       // the turn ends, and more waits
	laneDone                       // the turn ends, and nothing waits
	laneHold                       // the stream resumes
	laneGreet                      // the stream is adopted
	laneLetGo                      // that is over
)

// laneTransitions are the state after each event. What is not there changes
// nothing.
var laneTransitions = map[laneState]map[laneEvent]laneState{
	laneIdle:            {laneWake: laneQueued, laneHold: laneHeld, laneGreet: laneGreeting},
	laneHeld:            {laneLetGo: laneIdle},
	laneGreeting:        {laneLetGo: laneIdle},
	laneQueued:          {laneBegin: laneSending},
	laneQueuedToRecover: {laneBegin: laneSending},
	laneRecovering:      {laneRecovered: laneSending},
	laneSending:         {laneMore: laneQueued, laneDone: laneIdle},
}

// after is the state after an event. A lane that needs a recovery waits and begins
// as one that recovers.
func (s laneState) after(ev laneEvent, recovery bool) laneState {
	next, known := laneTransitions[s][ev]
	switch {
	case !known:
		return s
	case next == laneQueued && recovery:
		return laneQueuedToRecover
	case ev == laneBegin && recovery:
		return laneRecovering
	}
	return next
}

// busy reports whether the lane waits for its turn or has it.
func (s laneState) busy() bool { return s >= laneQueued }

// recovers reports whether a recovery is next for the lane, or under way.
func (s laneState) recovers() bool { return s == laneQueuedToRecover || s == laneRecovering }

// collects reports whether what is handed over for the lane leaves before what waits.
func (s laneState) collects() bool { return s == laneGreeting || s == laneRecovering }

// laneEnd says how far the end of a lane's stream is.
type laneEnd uint8

const (
	endNone    laneEnd = iota
	endAwaited         // it was handed over, and waits in the trunk
	endNear            // it waits in the lane, or the stream is gone: the lane takes nothing more
)

// lane is what waits for one stream behind the trunk. Its fields are guarded by
// lanes.mu.
type lane struct {
	token   connection.Token
	state   laneState
	end     laneEnd
	front   queue // what a recovery handed over; leaves before the rest
	queue   queue
	resync  bool // an event was lost: a recovery must come first (rule E6)
	reset   stream.ResetReason
	doubted *message // a stream_reset without an answer, which the client may not have got
	givenUp int      // events for which there was no room, and which were not reported yet

	next *lane // in the FIFO
}

// needsRecovery reports whether a recovery must come first. A stream that ends needs
// none.
func (l *lane) needsRecovery() bool { return l.resync && l.end != endNear }

// waits reports whether there is something to send.
func (l *lane) waits() bool { return len(l.front.messages)+len(l.queue.messages) > 0 }

// needless reports whether the lane can be forgotten when it has nothing to send.
func (l *lane) needless() bool {
	return l.end == endNear || !l.resync && l.end == endNone
}

// lost notes that the stream has lost m for good. That is a gap if m is in the log.
func (l *lane) lost(m *message) {
	l.resync = true
	if !m.private() && !m.ev.Control() && l.reset == "" {
		l.reset = stream.ResetExpired
	}
	if m.ev.Name == stream.NameReset {
		l.doubted = m
	}
}

// miss notes that the stream has a gap in the log.
func (l *lane) miss() { l.resync, l.reset = true, stream.ResetExpired }

// takeReset returns the stream_reset that the stream is to be sent first, or nil, and
// forgets it. One that was not answered is repeated as it was, ID included, so that a
// gateway which had taken it can tell; unless more was lost since.
func (l *lane) takeReset() (m *message) {
	switch {
	case l.reset != "":
		m = newReset(l.token, l.reset)
	case l.doubted != nil:
		again := *l.doubted
		again.repeated = true
		m = &again
	}
	l.reset, l.doubted = "", nil
	return m
}

// nextPlace is the last place in the log that the lane is past, if the log is at
// newest: the one before the next log event that waits in the lane.
func (l *lane) nextPlace(newest event.ID) event.ID {
	for _, m := range l.queue.messages {
		if !m.private() && !m.id.IsZero() {
			return event.ID{Epoch: m.id.Epoch, Seq: m.id.Seq - 1}
		}
	}
	return newest
}
