package httpsender

import (
	"heliograph/domain/connection"
	"heliograph/domain/stream"
)

// lane is what waits for one stream behind the trunk. Its fields are guarded by
// outbox.mu.
//
// A busy lane waits for its turn or has it: it is in the FIFO, or in the hands of
// one worker. One that is not busy is empty or held; it exists because of one of
// the flags.
type lane struct {
	token connection.Token
	front queue // what recovery handed over; leaves before the rest
	queue queue

	busy       bool
	held       bool               // the stream resumes, or is being adopted: no turn yet
	early      int                // ticks for which it is fed though the roster does not have it
	lossy      bool               // lost an event: recovery must come first (rule E6)
	reset      stream.ResetReason // why the client must be told of a gap, if it must
	unanswered *message           // the stream_reset that the client may not have got; nil if there is none
	sick       bool               // busy, and counted as one that recovers first
	recovering bool               // the listener hands over the state now
	closing    bool               // its end was handed over
	sealed     bool               // its end is here, or it is gone: takes nothing more
	givenUp    int                // events for which there was no room, not yet reported

	next *lane // in the FIFO
}

// earlyTicks is for how many sweeps a stream is fed that the roster does not
// have: it is registered as soon as it has resumed, or never.
const earlyTicks = 2

func (o *outbox) laneLocked(token connection.Token) *lane {
	l := o.byToken[token]
	if l == nil {
		l = &lane{token: token}
		o.byToken[token] = l
	}
	return l
}

func (o *outbox) addLocked(l *lane, q *queue, m *message) {
	q.add(m, laneBound, func(lost *message) {
		o.lost(lost, 1)
		l.givenUp++
		if q == &l.queue { // a recovery that is too large would be so again
			l.missedLocked(lost)
		}
	})
	o.wakeLocked(l)
}

// missedLocked notes that the stream has lost m for good. That is a gap if m is
// in the log.
func (l *lane) missedLocked(m *message) {
	l.lossy = true
	if m.toAll() && !m.ev.Control() && l.reset == "" {
		l.reset = stream.ResetExpired
	}
}

// sickLocked counts the lane among those that recover first, or not.
func (o *outbox) sickLocked(l *lane, sick bool) {
	switch {
	case sick && !l.sick:
		o.sick++
	case !sick && l.sick:
		o.sick--
	}
	l.sick = sick
}

// wakeLocked makes the lane's turn due, unless it is anyway.
func (o *outbox) wakeLocked(l *lane) {
	if l.busy || l.held {
		return
	}
	l.busy = true
	o.busy++
	o.pushLocked(l)
	o.laneDue.Signal()
}

func (o *outbox) pushLocked(l *lane) {
	o.sickLocked(l, l.lossy)
	if o.first == nil {
		o.first = l
	} else {
		o.last.next = l
	}
	o.last = l
}

// next waits for a lane whose turn is due, and hands it to the caller until
// release. It returns nil after stop.
func (o *outbox) next() *lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	for (o.first == nil || !o.reachable || o.posting) && !o.stopped {
		o.laneDue.Wait()
	}
	if o.stopped {
		return nil
	}
	l := o.first
	o.first, l.next = l.next, nil
	return l
}

// release ends the lane's turn: one that has more to send goes to the FIFO's end
// (its worker looks there next, so no other needs to wake up), one with a reason
// to stay does, any other has served its purpose.
func (o *outbox) release(l *lane) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(l.front.messages)+len(l.queue.messages) > 0 {
		o.pushLocked(l)
		o.wakePosterLocked()
		return
	}
	l.busy = false
	o.busy--
	o.sickLocked(l, false)
	if l.sealed || !l.lossy && !l.held && l.early == 0 && !l.closing {
		o.forgetLocked(l)
	}
	if o.busy == 0 && o.healing {
		o.healing = false
		o.pumpLocked()
	}
	o.wakePosterLocked()
	o.tellIdleLocked()
}

func (o *outbox) forgetLocked(l *lane) {
	delete(o.byToken, l.token)
	delete(o.early, l)
}

// sweep gives a turn to the idle lanes that lost something and whose connections
// are still there, and forgets those that nobody needs.
func (o *outbox) sweep() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.reachable || len(o.byToken) == o.busy {
		return
	}
	for c := range o.roster.All() {
		if l := o.byToken[c.Token]; l != nil {
			l.early = 0
			if l.lossy {
				o.wakeLocked(l)
			}
		}
	}
	for _, l := range o.byToken {
		l.early = max(0, l.early-1)
		if !l.busy && !l.held && l.early == 0 {
			o.forgetLocked(l)
		}
	}
}

// hold gives the lane of token no turn until letGo.
func (o *outbox) hold(token connection.Token) *lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.laneLocked(token)
	l.held = true
	return l
}

func (o *outbox) letGo(l *lane) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.held, l.recovering = false, false
	switch {
	case len(l.front.messages)+len(l.queue.messages) > 0, l.lossy:
		o.wakeLocked(l)
	case l.early == 0 && !l.closing:
		o.forgetLocked(l)
	}
}

// greet calls welcome, and has what that hands over for token leave before all
// that waits.
func (o *outbox) greet(token connection.Token, welcome func()) {
	l := o.hold(token)
	o.mu.Lock()
	l.recovering = !l.busy // a worker decides about one that is
	o.mu.Unlock()
	welcome()
	o.letGo(l)
}

// check asks the gateway about tokens: those that it does not know are gone.
func (o *outbox) check(tokens []connection.Token) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, token := range tokens {
		if l := o.laneLocked(token); !l.sealed {
			o.addLocked(l, &l.queue, &message{body: &body{}, token: token})
		}
	}
}
