package httpsender

import (
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/stream"
)

// healTime bounds how long the trunk waits, after it lost events, until every
// stream has the state as it is now: a version source that is slow must not hold
// up all others.
const healTime = 2 * time.Second

// enqueueLocked adds m to the trunk, and moves on what may leave.
func (o *outbox) enqueueLocked(m *message) {
	if o.away {
		o.delayLocked(m)
	}
	room := laneBound
	if o.can.Broadcast {
		room = trunkBound
	}
	o.trunk.add(m, room, o.overflowLocked)
	o.pumpLocked()
}

// delayLocked counts m, which has to wait for a gateway that is away, as failed,
// and notes whom to name in the log (rule E6). It counts once: not again when it
// leaves after all (rule M1).
func (o *outbox) delayLocked(m *message) {
	connections := o.audienceLocked(m)
	if m.late || m.ev.Control() || connections == 0 {
		return
	}
	o.lost(m, connections)
	m.late = true
	if m.toAll() {
		o.allDelayed = true
	} else {
		o.delayed = append(o.delayed, m.token)
	}
}

// takeDelayed returns those whose events had to wait since the last call. What
// goes to all names all only once while the gateway is away.
func (o *outbox) takeDelayed() (tokens []connection.Token) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tokens, o.delayed = o.delayed, nil
	if !o.allDelayed || o.allNamed {
		return tokens
	}
	o.allNamed = true
	for c := range o.roster.All() {
		tokens = append(tokens, c.Token)
	}
	return tokens
}

// overflowLocked draws the consequences of an event that the trunk has no room
// for.
func (o *outbox) overflowLocked(m *message) {
	o.overflows++
	o.lost(m, o.audienceLocked(m))
	if !m.toAll() {
		l := o.laneLocked(m.token)
		l.givenUp++
		l.lossy = true
	} else if !m.ev.Control() {
		o.gap = true
	}
}

// pumpLocked moves from the trunk into lanes what may leave that way, and wakes
// the one who posts for the rest.
func (o *outbox) pumpLocked() {
	for o.reachable && !o.waitsLocked() && len(o.underway) == 0 {
		m := o.trunk.first()
		switch {
		case o.gap:
			o.healLocked()
			continue
		case m == nil:
			o.tellIdleLocked()
			return
		case m.toAll() && o.can.Broadcast:
			o.wakePosterLocked()
			return
		}
		o.trunk.take()
		if m.toAll() {
			o.expandLocked(m)
		} else {
			o.toLaneLocked(m)
		}
	}
	o.wakePosterLocked()
}

// waitsLocked reports whether the trunk has to wait for the lanes.
func (o *outbox) waitsLocked() bool { return o.adopting || o.healing }

// expandLocked adds m to the lane of every connection.
func (o *outbox) expandLocked(m *message) {
	o.advanceLocked(m)
	for c := range o.roster.All() {
		l := o.laneLocked(c.Token)
		l.early = 0
		if !l.sealed {
			o.addLocked(l, &l.queue, m)
		}
	}
	for l := range o.early {
		if l.early == 0 {
			delete(o.early, l)
		} else if !l.sealed {
			o.addLocked(l, &l.queue, m)
		}
	}
}

func (o *outbox) advanceLocked(m *message) {
	if !m.id.IsZero() {
		o.place = m.id
	}
}

// toLaneLocked adds m, a private event, to its lane.
func (o *outbox) toLaneLocked(m *message) {
	l := o.laneLocked(m.token)
	if l.sealed {
		return // gone meanwhile
	}
	if m.closing {
		l.closing, l.sealed = true, true
	}
	if m.carriesPlace() {
		m.id = o.place
	}
	o.addLocked(l, &l.queue, m)
}

// healLocked has every stream told that it lost events, and given the state as
// it is now, before the trunk goes on (rules E6, G3).
func (o *outbox) healLocked() {
	o.gap = false
	for c := range o.roster.All() {
		l := o.laneLocked(c.Token)
		l.lossy, l.reset = true, stream.ResetExpired
		o.wakeLocked(l)
	}
	if o.busy > 0 {
		o.healing = true
		time.AfterFunc(healTime, o.healed)
	}
}

func (o *outbox) healed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.healing = false
	o.pumpLocked()
}
