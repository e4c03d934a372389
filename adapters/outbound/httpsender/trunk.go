package httpsender

import (
	"slices"
	"time"

	"heliograph/domain/event"
)

// healTime bounds how long the trunk waits, after it lost events, until every
// stream has the state as it is now: a version source that is slow must not hold
// up all others.
const healTime = 2 * time.Second

const (
	// maxBatch is how many events are posted before the first is answered: enough
	// to keep a gateway busy, and few enough to be repeated.
	maxBatch = 32
	// maxBatchBytes bounds their bodies.
	maxBatchBytes = 256 << 10
)

// enqueueLocked adds m to the trunk, and moves on what may leave.
func (o *outbox) enqueueLocked(m *message) {
	room := laneBound
	if o.can.Broadcast {
		room = trunkBound
	}
	o.trunk.add(m, room, o.overflowLocked)
	o.pumpLocked()
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
		l.lossy, l.reset = true, resetExpired
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

// postableLocked reports whether the trunk's event may be posted now: everything
// private that was handed over before it has left, and is settled. Nobody waits
// for streams that recover, which may take as long as observers do.
func (o *outbox) postableLocked() bool {
	if !o.reachable || o.waitsLocked() || o.posting || o.busy > o.sick {
		return false
	}
	return len(o.underway) > 0 || o.can.Broadcast && o.trunk.first() != nil && o.trunk.first().toAll()
}

func (o *outbox) wakePosterLocked() {
	if o.postableLocked() {
		o.trunkDue.Signal()
	}
}

// nextPost waits for events that may be posted to all streams, and hands them to
// the caller until it says what became of them: settle, and if some are left
// repeat, giveUp or exchanged. It returns nil after stop.
func (o *outbox) nextPost() (batch []*message, ids bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.postableLocked() && !o.stopped {
		o.trunkDue.Wait()
	}
	if o.stopped {
		return nil, false
	}
	if len(o.underway) == 0 {
		o.underway, o.doubtful = o.batchLocked(), false
	}
	o.posting = true
	return o.underway, o.can.EventID
}

// batchLocked takes from the trunk what can be posted at once: what cannot be
// repeated goes alone, or a failure would cost the others too.
func (o *outbox) batchLocked() []*message {
	batch, size := []*message{o.trunk.take()}, 0
	for m := o.trunk.first(); m != nil && m.toAll() && o.can.EventID && !m.id.IsZero() && !batch[0].id.IsZero(); m = o.trunk.first() {
		if size += len(m.fields); len(batch) == maxBatch || size > maxBatchBytes {
			break
		}
		batch = append(batch, o.trunk.take())
	}
	return batch
}

// settle says that the first n events under way have left for good. If those are
// all, the post has ended.
func (o *outbox) settle(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settleLocked(n)
	if len(o.underway) == 0 {
		o.endPostLocked()
	}
}

func (o *outbox) settleLocked(n int) {
	for _, m := range o.underway[:n] {
		o.advanceLocked(m)
	}
	o.underway = o.underway[n:]
	o.tellLocked()
}

// giveUp says that the first event under way is lost.
func (o *outbox) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gap = o.gap || !o.underway[0].ev.Control()
	o.settleLocked(1)
	o.endPostLocked()
}

// repeat has what is under way posted again, as soon as the gateway can be
// reached. If it was never sent, it goes back to what waits, and can be conflated.
func (o *outbox) repeat(sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.doubtful = o.doubtful || sent
	if !o.doubtful {
		for _, m := range slices.Backward(o.underway) {
			if !slices.ContainsFunc(o.trunk.messages, func(newer *message) bool { return newer.replaces(m) }) {
				o.trunk.putBack(m)
			}
		}
		o.underway = nil
		o.tellLocked()
	}
	o.endPostLocked()
}

// exchanged says that the gateway knows no broadcasts any more: what is under way
// goes to each connection instead, and so does all that follows.
func (o *outbox) exchanged() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.can.Broadcast = false
	o.divideLocked()
	o.endPostLocked()
}

// divideLocked gives what is under way to each connection.
func (o *outbox) divideLocked() {
	for _, m := range o.underway {
		o.expandLocked(m)
	}
	o.settleLocked(len(o.underway))
}

func (o *outbox) endPostLocked() {
	o.posting = false
	o.posted.Broadcast()
	if o.first != nil {
		o.laneDue.Broadcast()
	}
	o.pumpLocked()
}

// tellLocked wakes those who wait for a change.
func (o *outbox) tellLocked() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// reach says that the gateway answers, and what it can. The trunk waits until
// adopted is called, if it was unreachable before: then reach reports true.
func (o *outbox) reach(can capabilities) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	news = !o.reachable
	o.can = can
	o.reachable = true
	o.adopting = o.adopting || news
	if !o.posting && !can.Broadcast {
		o.divideLocked()
	}
	if news {
		o.laneDue.Broadcast()
		o.tellLocked()
	}
	o.pumpLocked()
	return news
}

// adopted says that the gateway's streams are known.
func (o *outbox) adopted() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.adopting = false
	o.pumpLocked()
}

// lose says that the gateway cannot be reached.
func (o *outbox) lose() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reachable = false
}

// reaches reports whether the gateway answers.
func (o *outbox) reaches() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reachable
}

// state returns what is worth knowing from outside.
func (o *outbox) state() (reachable bool, waiting int, overflows uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reachable, len(o.trunk.messages), o.overflows
}

// startLocked is the place after which a stream that joins now reads: what its
// client missed up to there has to be sent to it.
func (o *outbox) startLocked() event.ID {
	for _, m := range slices.Backward(o.underway) {
		if !m.id.IsZero() {
			return m.id
		}
	}
	return o.place
}
