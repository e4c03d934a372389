package httpsender

import (
	"slices"
	"sync"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// healTime bounds how long the trunk waits, after it lost events, until every stream has
// the state as it is now: a version source that is slow must not hold up all others.
const healTime = 2 * time.Second

// adoptTime bounds how long the trunk waits until the streams that were adopted have been
// told that they missed something: three tries that the gateway does not answer.
const adoptTime = 15 * time.Second

// trunk is what waits for the gateway before it is divided by connection. It keeps the
// order of all that is handed over, does no I/O and is safe for concurrent use.
type trunk struct {
	link   *link
	lanes  *lanes
	delays *delays
	fates  *fateBook

	mu        sync.Mutex // guards all below; is locked before those of lanes, link and delays
	drained   bool       // nothing is taken any more
	stopped   bool       // nothing leaves any more
	pauses    pauses     // why it waits
	gaps      gaps       // log events were lost
	queue     queue
	inFlight  inFlight
	postDue   sync.Cond     // something may be posted, or stopped is set
	idle      chan struct{} // closed when nothing is left; nil if that is not waited for
	overflows uint64        // events that there was no room for
}

// pauses are why what is for all streams waits. They are guarded by trunk.mu.
type pauses struct {
	adopting bool // the gateway's streams are being looked at
	healing  bool // all streams get the state as it is now
	greeting bool // adopted streams are told that they missed something
}

func (p pauses) any() bool { return p.adopting || p.healing || p.greeting }

func newTrunk(cfg Config, roster connection.Roster, fates *fateBook, count func(*message, int)) *trunk {
	t := &trunk{
		link: newLink(), fates: fates, delays: &delays{roster: roster, count: count},
		gaps: gaps{all: cfg.Gap && roster.Count() > 0},
	}
	t.postDue.L = &t.mu
	t.lanes = newLanes(cfg.Start, cfg.Shared, roster, count, t.lanesChanged)
	t.lanes.fates = fates
	t.inFlight = inFlight{lanes: t.lanes, link: t.link, place: cfg.Start}
	return t
}

// handOver takes an event for all streams or for one: while that recovers, it leaves
// before all that waits. Errors: gateway.ErrClosed, gateway.ErrUnknownToken for a stream
// that ends.
func (t *trunk) handOver(m *message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.drained {
		return gateway.ErrClosed
	}
	if m.private() {
		if taken, err := t.lanes.offer(m); taken || err != nil {
			return err
		}
	}
	t.enqueueLocked(m)
	return nil
}

// enqueueLocked adds m, and moves on what may leave.
func (t *trunk) enqueueLocked(m *message) {
	if !t.link.isUp() && m.audience != nil && !t.lanes.reaches(m) {
		t.inFlight.leftOut = m.id // it must not take the room of what waits for the streams that there are
		t.pumpLocked()
		return
	}
	m.leftOut = t.inFlight.leftOut
	if t.link.isDown() {
		t.delays.add(m)
	}
	room := laneBound
	if t.link.capabilities().Broadcast {
		room = trunkBound
	}
	if left := t.queue.add(m, room, t.overflowLocked); left != nil {
		t.fates.noteLeft(left)
	}
	t.pumpLocked()
}

// overflowLocked draws the consequences of an event that there is no room for.
func (t *trunk) overflowLocked(m *message) {
	t.overflows++
	t.delays.lost(m)
	if m.private() {
		t.fates.note(m.token, m, diagnosis.Dropped, diagnosis.WhyAway)
		t.lanes.noteLost(m)
	} else {
		t.fates.noteAll(m, diagnosis.Dropped, diagnosis.WhyAway)
		t.gaps.note(m, t.lanes)
	}
}

// pumpLocked moves into the lanes what may leave that way, and wakes the poster for the
// rest.
func (t *trunk) pumpLocked() {
	for t.link.isUp() && !t.pauses.any() && len(t.inFlight.messages) == 0 {
		if t.gaps != (gaps{}) {
			t.healLocked()
			continue
		}
		m := t.queue.first()
		if m == nil || !m.private() && t.link.capabilities().Broadcast && (m.audience == nil || t.lanes.reaches(m)) {
			break
		}
		t.queue.take()
		if !m.private() {
			t.inFlight.advance(m)
			t.lanes.broadcast(m)
			continue
		}
		if t.inFlight.passTo(m.leftOut) {
			t.lanes.advance(m.leftOut)
		}
		t.lanes.send(m)
	}
	if t.inFlight.passLeftOut(&t.queue) {
		t.lanes.advance(t.inFlight.place)
		t.link.announce()
	}
	t.wakeLocked()
}

// wakeLocked wakes the poster, and what waits until nothing is left.
func (t *trunk) wakeLocked() {
	if t.postableLocked() {
		t.postDue.Signal()
	}
	if t.idle == nil {
		return
	}
	done := t.queue.first() == nil && len(t.inFlight.messages) == 0 && t.lanes.turns.quiet()
	if done || t.drained && !t.link.isUp() && t.lanes.roster.Count() == 0 {
		close(t.idle)
		t.idle = nil
	}
}

// healLocked has the streams that lost events told so, before the trunk goes on.
func (t *trunk) healLocked() {
	t.lanes.heal(t.gaps.all)
	t.gaps = gaps{}
	if !t.lanes.turns.quiet() {
		t.holdLocked(&t.pauses.healing, healTime)
	}
}

// lanesChanged moves on what had to wait for the lanes.
func (t *trunk) lanesChanged() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pauses.healing && t.lanes.turns.quiet() || t.pauses.greeting && t.greetedLocked() {
		t.pauses.healing, t.pauses.greeting = false, false
		t.pumpLocked()
	}
	t.wakeLocked()
}

// connect says that the gateway answers, and what it can. The trunk waits until adopted
// is called, if it could not be reached before: then connect reports true.
func (t *trunk) connect(can capabilities) (news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	news = t.link.connected(can)
	t.pauses.adopting = t.pauses.adopting || news
	t.lanes.connect(true, can)
	if !t.inFlight.posting && !can.Broadcast {
		t.inFlight.fanOut()
	}
	if news {
		t.delays.end()
		t.link.announce()
	}
	t.pumpLocked()
	return news
}

// adopted says that the gateway's streams are known. Those that were adopted are told to
// fetch the state first: what is broadcast would move their clients past what they missed.
func (t *trunk) adopted() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pauses.adopting = false
	if t.pauses.greeting = false; t.link.capabilities().Connections && !t.greetedLocked() {
		t.holdLocked(&t.pauses.greeting, adoptTime)
	}
	t.pumpLocked()
}

// holdLocked has the trunk wait until *waits is cleared, for so long at most.
func (t *trunk) holdLocked(waits *bool, limit time.Duration) {
	*waits = true
	time.AfterFunc(limit, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		*waits = false
		t.pumpLocked()
	})
}

// greetedLocked reports whether every stream has been told what it missed.
func (t *trunk) greetedLocked() bool { return t.lanes.turns.quiet() && t.lanes.complete() }

// disconnect says that the gateway cannot be reached.
func (t *trunk) disconnect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link.disconnected()
	t.lanes.connect(false, t.link.capabilities())
	for _, m := range t.queue.messages {
		t.delays.add(m)
	}
}

// waiting returns how many events wait here, and for how many there was no room.
func (t *trunk) waiting() (events int, overflows uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue.messages), t.overflows
}

// whenIdle returns a channel that is closed once nothing waits or is in flight, or,
// after end, nothing that matters: it cannot leave, and there is no stream to get it.
func (t *trunk) whenIdle() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.wakeLocked()
	return idle
}

// settledPlace returns the place that the streams have reached, and whether none lacks
// anything before it.
func (t *trunk) settledPlace() (id event.ID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inFlight.place, t.gaps == (gaps{}) && len(t.inFlight.messages) == 0 && t.queue.first() == nil && t.lanes.complete()
}

// end takes nothing more. With stop nothing leaves any more either.
func (t *trunk) end(stop bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drained, t.stopped = true, t.stopped || stop
	t.postDue.Broadcast()
	t.lanes.end(stop)
}

// giveUp counts all that still waits as lost, and returns how many events that was.
func (t *trunk) giveUp() (events int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := slices.Concat(t.inFlight.messages, t.queue.messages)
	for _, m := range waiting {
		t.delays.lost(m)
	}
	t.queue, t.inFlight.messages = queue{}, nil
	return len(waiting) + t.lanes.giveUp()
}
