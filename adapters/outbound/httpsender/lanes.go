package httpsender

import (
	"sync"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// lanes holds the lanes. It is safe for concurrent use.
type lanes struct {
	roster connection.Roster
	fates  *fateBook
	count  func(lost *message, connections int) // is called with mu held
	// changed is called, without mu held, after a turn or a recovery that may let the
	// trunk go on.
	changed func()

	turns turns

	mu         sync.Mutex                 // guards all below, every lane, and turns
	byToken    map[connection.Token]*lane // all
	recipients recipients                 // finds whom an event is for
	place      event.ID                   // of the last log event that left the trunk
	can        capabilities               // what the gateway can
	drained    bool                       // nothing is taken any more, so there is no state to recover
}

func newLanes(start event.ID, shared bool, roster connection.Roster, count func(*message, int), changed func()) *lanes {
	ls := &lanes{
		roster: roster, count: count, changed: changed, place: start, byToken: make(map[connection.Token]*lane),
		recipients: recipients{roster: roster, shared: shared, early: make(map[connection.Token]*earlyStream)},
	}
	ls.turns.init(&ls.mu)
	return ls
}

// Called by the trunk, with its mutex held; send also by the probe, without it.

// broadcast adds m, a log or control event, to the lane of every stream that it is for.
func (ls *lanes) broadcast(m *message) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !m.id.IsZero() {
		ls.place = m.id
	}
	for token := range ls.recipients.of(m) {
		l := ls.laneLocked(token)
		ls.addLocked(l, &l.queue, m)
	}
}

// reaches reports whether m, a log or control event, is for any stream.
func (ls *lanes) reaches(m *message) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.recipients.include(m)
}

// address makes of m, a log or control event, what takes it to its streams: m if those are
// all, or else one message, or several, with their tokens.
func (ls *lanes) address(m *message) []*message {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.recipients.areAll(m) {
		return []*message{m}
	}
	return m.addressTo(ls.recipients.toName(m))
}

// send adds m, a private event or a question, to its lane. An event gets the ID of the
// place where the streams are.
func (ls *lanes) send(m *message) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.laneLocked(m.token)
	if m.carriesPlace() {
		m.id = ls.place
	}
	ls.addLocked(l, &l.queue, m)
	if m.closing {
		l.end = endNear
	}
}

// offer takes m, a private event, at once if its stream collects the state. Any other
// has to go through the trunk. Errors: gateway.ErrUnknownToken for a stream that ends.
func (ls *lanes) offer(m *message) (taken bool, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.byToken[m.token]
	switch {
	case l != nil && l.end != endNone:
		return false, gateway.ErrUnknownToken
	case m.closing && l != nil && l.state == laneGreeting: // it ends instead of being adopted
		ls.addLocked(l, &l.front, m)
		l.end = endNear
		return true, nil
	case m.closing:
		ls.laneLocked(m.token).end = endAwaited
	case l != nil && l.state.collects():
		ls.addLocked(l, &l.front, m)
		return true, nil
	}
	return false, nil
}

// noteLost notes that m, a private event or one for some streams, is lost for its
// streams. They are told in their next turn.
func (ls *lanes) noteLost(m *message) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if m.private() {
		l := ls.laneLocked(m.token)
		l.givenUp++
		l.resync = true
		return
	}
	for token := range ls.recipients.of(m) {
		l := ls.laneLocked(token)
		l.givenUp++
		l.miss()
	}
}

// advance says that the streams have got the log up to id.
func (ls *lanes) advance(id event.ID) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.place = id
}

// connect says whether the gateway can be reached, and what it can.
func (ls *lanes) connect(open bool, can capabilities) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.can = can
	ls.turns.connectLocked(open)
}

// complete reports whether no stream lacks anything that was in the log.
func (ls *lanes) complete() bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byToken {
		if l.resync || len(l.queue.messages) > 0 {
			return false
		}
	}
	return true
}

// heal has the streams that have a gap in the log, or all, told so, and given the state
// as it is then (rules E6, G3).
func (ls *lanes) heal(all bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if all {
		for token := range ls.recipients.all() {
			ls.laneLocked(token).miss()
		}
	}
	for _, l := range ls.byToken {
		if l.reset != "" {
			ls.changeLocked(l, laneWake)
		}
	}
}

// end has no recovery begin any more, and with stop no turn.
func (ls *lanes) end(stop bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.drained = true
	ls.turns.endLocked(stop)
}

// giveUp counts all that waits as lost, and returns how many events that was.
func (ls *lanes) giveUp() (events int) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byToken {
		for _, m := range append(l.front.messages, l.queue.messages...) {
			ls.count(m, 1)
			events++
		}
	}
	clear(ls.byToken)
	return events
}

// Called by the probe.

// sweep gives a turn to the idle lanes that need a recovery and whose connections are
// still there, and forgets those that are needed no more.
func (ls *lanes) sweep() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !ls.turns.open {
		return
	}
	ls.recipients.sweep(ls.place)
	if len(ls.byToken) == ls.turns.busy {
		return
	}
	for c := range ls.roster.All() {
		if l := ls.byToken[c.Token]; l != nil && l.resync {
			ls.changeLocked(l, laneWake)
		}
	}
	for _, l := range ls.byToken {
		if _, early := ls.recipients.early[l.token]; l.state == laneIdle && !early {
			ls.forgetLocked(l)
		}
	}
}

// What all of these do.

func (ls *lanes) laneLocked(token connection.Token) *lane {
	l := ls.byToken[token]
	if l == nil {
		l = &lane{token: token}
		ls.byToken[token] = l
	}
	return l
}

// addLocked adds m to one of l's queues, unless its stream ends.
func (ls *lanes) addLocked(l *lane, q *queue, m *message) {
	if l.end == endNear {
		return
	}
	left := q.add(m, laneBound, func(lost *message) {
		ls.count(lost, 1)
		ls.fates.note(l.token, lost, diagnosis.Dropped, diagnosis.WhyAway)
		l.givenUp++
		if q == &l.queue { // a recovery that is too large would be so again
			l.lost(lost)
		}
	})
	if left != nil {
		ls.fates.note(l.token, left, diagnosis.Conflated, diagnosis.WhyNewer)
	}
	ls.changeLocked(l, laneWake)
}

// changeLocked changes l's state, and keeps the turns in step.
func (ls *lanes) changeLocked(l *lane, ev laneEvent) {
	before := l.state
	l.state = before.after(ev, l.needsRecovery() && (!ls.drained || ev != laneBegin))
	ls.turns.followLocked(l, before, ev == laneWake) // otherwise its worker looks there next
}

func (ls *lanes) forgetLocked(l *lane) {
	delete(ls.byToken, l.token)
	if l.end == endNear {
		ls.recipients.dropEarly(l.token)
	}
}
