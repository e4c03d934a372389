package httpsender

import (
	"slices"
	"sync"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// outbox is what waits for the gateway: the trunk, and the lanes behind it. It
// does no I/O and is safe for concurrent use.
type outbox struct {
	roster connection.Roster
	lost   func(m *message, connections int) // counts what was given up; is called under mu

	mu      sync.Mutex // guards all below, and all lanes
	drained bool       // nothing is taken any more
	stopped bool       // nothing leaves any more
	idle    chan struct{}

	// The gateway.
	reachable bool // only then anything leaves
	away      bool // it was looked for, and is not reachable
	can       capabilities
	changed   chan struct{} // closed and replaced when reachable becomes true, or an event under way is settled
	adopting  bool          // its streams are being looked at: the trunk waits
	healing   bool          // all streams get the state as it is now: the trunk waits

	delayed    []connection.Token // whose private events had to wait, to be named in the log
	allDelayed bool               // an event for all had to wait
	allNamed   bool               // and that is in the log

	trunk     queue
	trunkDue  sync.Cond  // the trunk's event may be posted, or stopped is set
	underway  []*message // from the trunk, until they are settled
	doubtful  bool       // the gateway may have taken some of that
	taken     event.ID   // clients have got what is under way up to here
	posting   bool       // requests with them are under way: no lane has a turn
	posted    sync.Cond  // posting ended
	place     event.ID   // of the last log event that left the trunk
	gap       bool       // the trunk lost an event: every stream is to be told
	overflows uint64     // events that the trunk had no room for

	laneDue     sync.Cond // a lane is due, or stopped is set
	byToken     map[connection.Token]*lane
	first, last *lane              // the FIFO of the lanes that are due
	busy        int                // lanes that are due or in the hands of a worker
	sick        int                // of them, those that recover first
	early       map[*lane]struct{} // those that the roster may not have yet
}

func newOutbox(start event.ID, roster connection.Roster, lost func(*message, int)) *outbox {
	o := &outbox{
		roster: roster, lost: lost, place: start, changed: make(chan struct{}),
		byToken: make(map[connection.Token]*lane), early: make(map[*lane]struct{}),
	}
	o.trunkDue.L, o.posted.L, o.laneDue.L = &o.mu, &o.mu, &o.mu
	return o
}

// toAll hands over an event for every stream. Errors: gateway.ErrClosed.
func (o *outbox) toAll(m *message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drained {
		return gateway.ErrClosed
	}
	o.enqueueLocked(m)
	return nil
}

// toOne hands over an event for one stream: while that recovers, it leaves before
// all that waits. Errors: gateway.ErrClosed, gateway.ErrUnknownToken for one that
// is closing.
func (o *outbox) toOne(m *message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drained {
		return gateway.ErrClosed
	}
	l := o.byToken[m.token]
	if l != nil && l.closing {
		return gateway.ErrUnknownToken
	}
	if m.closing {
		l = o.laneLocked(m.token)
		l.closing = true
	}
	if l != nil && l.recovering && !m.closing {
		o.addLocked(l, &l.front, m)
	} else {
		o.enqueueLocked(m)
	}
	return nil
}

// whenIdle returns a channel that is closed once nothing waits or is under way,
// or, after drain, nothing that matters: it cannot leave, and nobody is there to
// get it.
func (o *outbox) whenIdle() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.idle == nil {
		o.idle = make(chan struct{})
	}
	idle := o.idle
	o.tellIdleLocked()
	return idle
}

func (o *outbox) tellIdleLocked() {
	done := o.busy == 0 && len(o.underway) == 0 && o.trunk.first() == nil
	if o.idle != nil && (done || o.drained && !o.reachable && o.roster.Count() == 0) {
		close(o.idle)
		o.idle = nil
	}
}

// settledPlace returns the place that the streams have reached, and whether none
// lacks anything before it.
func (o *outbox) settledPlace() (id event.ID, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ok = !o.gap && len(o.underway) == 0 && o.trunk.first() == nil
	for _, l := range o.byToken {
		ok = ok && !l.lossy && len(l.queue.messages) == 0
	}
	return o.place, ok
}

// drain takes nothing more; what waits still leaves.
func (o *outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drained = true
}

// stop takes nothing more, and nothing leaves any more.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drained, o.stopped = true, true
	o.laneDue.Broadcast()
	o.trunkDue.Broadcast()
	o.posted.Broadcast()
}

// giveUpAll counts all that still waits as lost, and returns how many events
// that was.
func (o *outbox) giveUpAll() (events int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting := slices.Concat(o.underway, o.trunk.messages)
	for _, l := range o.byToken {
		events += len(l.front.messages) + len(l.queue.messages)
		for _, m := range append(l.front.messages, l.queue.messages...) {
			o.lost(m, 1)
		}
	}
	for _, m := range waiting {
		o.lost(m, o.audienceLocked(m))
	}
	clear(o.byToken)
	o.trunk, o.underway = queue{}, nil
	return events + len(waiting)
}

// audienceLocked is how many connections m is for.
func (o *outbox) audienceLocked(m *message) int {
	if m.toAll() {
		return o.roster.Count()
	}
	return 1
}
