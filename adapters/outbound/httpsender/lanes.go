package httpsender

import (
	"sync"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// lane is what waits for one stream. Its fields are guarded by lanes.mu.
//
// A busy lane waits for its turn or has it: it is in the FIFO, or in the hands of
// one worker. One that is not busy is empty, and exists only because it is lossy.
type lane struct {
	token connection.Token
	front queue // what recovery handed over; leaves before the rest
	queue queue

	busy       bool
	lossy      bool // lost an event: recovery must come first (rule E6)
	recovering bool // the listener hands over the state now
	sealed     bool // closing or gone: takes nothing more
	givenUp    int  // events for which there was no room, not yet reported

	next *lane // in the FIFO
}

// lanes is the set of lanes, and the FIFO of those whose turn is due. It does no
// I/O and is safe for concurrent use.
type lanes struct {
	giveUp func(*message) // counts a lost event; is called under mu

	mu          sync.Mutex // guards the following fields and all lanes
	ready       sync.Cond  // a lane is due, or stopped is set
	byToken     map[connection.Token]*lane
	first, last *lane // the FIFO
	busy        int   // number of busy lanes
	idle        chan struct{}
	closed      bool // nothing is taken any more
	stopped     bool // no turn is given any more
}

func newLanes(giveUp func(*message)) *lanes {
	ls := &lanes{giveUp: giveUp, byToken: make(map[connection.Token]*lane)}
	ls.ready.L = &ls.mu
	return ls
}

// toAll adds m to the lane of every connection in roster.
func (ls *lanes) toAll(roster connection.Roster, m *message) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return gateway.ErrClosed
	}
	for c := range roster.All() {
		if l := ls.laneLocked(c.Token); !l.sealed {
			ls.addLocked(l, &l.queue, m)
		}
	}
	return nil
}

// toOne adds m to one lane: during its recovery to what leaves first.
func (ls *lanes) toOne(token connection.Token, m *message) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return gateway.ErrClosed
	}
	l := ls.laneLocked(token)
	if l.sealed {
		return gateway.ErrUnknownToken
	}
	if l.recovering && !m.closing {
		ls.addLocked(l, &l.front, m)
		return nil
	}
	l.sealed = m.closing
	ls.addLocked(l, &l.queue, m)
	return nil
}

func (ls *lanes) laneLocked(token connection.Token) *lane {
	l := ls.byToken[token]
	if l == nil {
		l = &lane{token: token}
		ls.byToken[token] = l
	}
	return l
}

func (ls *lanes) addLocked(l *lane, q *queue, m *message) {
	q.add(m, func(lost *message) {
		ls.giveUp(lost)
		l.givenUp++
		// A recovery that is too large would be so again.
		l.lossy = l.lossy || q == &l.queue
	})
	ls.wakeLocked(l)
}

// wakeLocked makes the lane's turn due, unless it is anyway.
func (ls *lanes) wakeLocked(l *lane) {
	if l.busy {
		return
	}
	l.busy = true
	ls.busy++
	ls.pushLocked(l)
	ls.ready.Signal()
}

func (ls *lanes) pushLocked(l *lane) {
	if ls.first == nil {
		ls.first = l
	} else {
		ls.last.next = l
	}
	ls.last = l
}

// next waits for a lane whose turn is due, and hands it to the caller until
// release. It returns nil after stop.
func (ls *lanes) next() *lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for ls.first == nil && !ls.stopped {
		ls.ready.Wait()
	}
	if ls.stopped {
		return nil
	}
	l := ls.first
	ls.first, l.next = l.next, nil
	return l
}

// release ends the lane's turn: one that has more to send goes to the FIFO's end
// (its worker looks there next, so no other needs to wake up), a lossy one stays
// for the next probe, any other has served its purpose.
func (ls *lanes) release(l *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(l.front.messages)+len(l.queue.messages) > 0 {
		ls.pushLocked(l)
		return
	}
	if l.sealed || !l.lossy {
		delete(ls.byToken, l.token)
	}
	l.busy = false
	ls.busy--
	ls.tellIdleLocked()
}

// probe gives a turn to the idle lanes, all of them lossy, whose connections are
// still there, and forgets the others.
func (ls *lanes) probe(roster connection.Roster) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.byToken) == ls.busy {
		return
	}
	for c := range roster.All() {
		if l := ls.byToken[c.Token]; l != nil {
			ls.wakeLocked(l)
		}
	}
	for token, l := range ls.byToken {
		if !l.busy {
			delete(ls.byToken, token)
		}
	}
}

// whenIdle returns a channel that is closed once nothing waits or is under way.
func (ls *lanes) whenIdle() <-chan struct{} {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.idle == nil {
		ls.idle = make(chan struct{})
	}
	idle := ls.idle
	ls.tellIdleLocked()
	return idle
}

func (ls *lanes) tellIdleLocked() {
	if ls.busy == 0 && ls.idle != nil {
		close(ls.idle)
		ls.idle = nil
	}
}

// drain takes nothing more; turns are still given.
func (ls *lanes) drain() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.closed = true
}

// stop takes nothing more and gives no turn any more.
func (ls *lanes) stop() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.closed, ls.stopped = true, true
	ls.ready.Broadcast()
}
