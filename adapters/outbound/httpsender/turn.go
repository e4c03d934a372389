package httpsender

import (
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// A worker takes a lane through its turn with these methods: begin, endRecovery
// if one is due, take, and, by the outcome, nothing, putBack, fail or seal.

// begin opens a lane's turn. It returns how many events had to be given up since
// the last one, and whether recovery is due; then what Send hands over goes to
// the front until endRecovery.
func (o *outbox) begin(l *lane) (givenUp int, recovery bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	givenUp, l.givenUp = l.givenUp, 0
	l.recovering = l.lossy && !l.sealed && !o.drained // what ends needs no state, or could not have it
	o.sickLocked(l, l.recovering)
	if !l.recovering {
		return givenUp, false
	}
	l.lossy, l.front = false, queue{}
	if m := l.resetLocked(); m != nil && o.can.EventID {
		l.front.add(m, laneBound, nil)
	}
	l.reset, l.unanswered = "", nil
	o.wakePosterLocked()
	return givenUp, true
}

// resetLocked returns the stream_reset that the stream is to be sent first, or nil.
// One that was not answered is repeated as it was, ID included, so that a gateway
// which had taken it can tell; unless more was lost since.
func (l *lane) resetLocked() *message {
	switch {
	case l.reset != "":
		return newReset(l.token, l.reset)
	case l.unanswered != nil:
		again := *l.unanswered
		again.repeated = true
		return &again
	}
	return nil
}

// endRecovery waits for a post that is under way: what it has to follow.
func (o *outbox) endRecovery(l *lane) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.recovering = false
	o.sickLocked(l, false)
	for o.posting && !o.stopped {
		o.posted.Wait()
	}
}

// take removes and returns what the lane sends next, or nil, whether that is
// part of a recovery, and whether it may carry an ID.
func (o *outbox) take(l *lane) (m *message, recovery, ids bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	recovery = l.front.first() != nil
	if m = l.front.take(); m == nil {
		m = l.queue.take()
	}
	if m != nil && m.carriesPlace() && !m.repeated && (recovery || o.can.Broadcast) {
		m.id = o.placeLocked(l)
	}
	return m, recovery, o.can.EventID
}

// placeLocked is the last place in the log that the lane is past: the one before
// the next log event that waits in it.
func (o *outbox) placeLocked(l *lane) event.ID {
	for _, m := range l.queue.messages {
		if m.toAll() && !m.id.IsZero() {
			return event.ID{Epoch: m.id.Epoch, Seq: m.id.Seq - 1}
		}
	}
	return o.place
}

// putBack makes m, which was taken and not sent, the next to be sent again.
func (o *outbox) putBack(l *lane, m *message, recovery bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if recovery {
		l.front.putBack(m)
	} else {
		l.queue.putBack(m)
	}
}

// fail notes that m, which was taken, did not arrive, and returns the event that
// the stream has lost for good by that, or nil. A part of a recovery is made anew
// by the next one; but it takes the first event that waits with it, so that a
// stream that cannot be reached gets one recovery per event and not one after the
// other.
func (o *outbox) fail(l *lane, m *message, recovery bool) (lost *message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(m.fields) == 0 {
		return nil // only a question
	}
	l.missedLocked(m)
	if m.ev.Name == stream.NameReset {
		l.unanswered = m
	}
	if !recovery {
		return m
	}
	l.front = queue{}
	if l.sealed {
		return nil
	}
	if lost = l.queue.take(); lost != nil {
		o.lost(lost, 1)
		l.missedLocked(lost)
	}
	return lost
}

// drop notes that m, which was taken, is larger than the gateway takes. The same
// state would be so again, so it is no reason for a recovery.
func (o *outbox) drop(l *lane, m *message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.toAll() {
		l.missedLocked(m)
	}
}

// seal empties the lane of a token that is gone, and lets it take nothing more.
func (o *outbox) seal(l *lane) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.closing, l.sealed = true, true
	l.front, l.queue = queue{}, queue{}
}
