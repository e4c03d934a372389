package httpsender

// turn is a lane in the hands of one worker, from turns.next to finish. In between the
// worker calls recover if a recovery is due, then next, and by the outcome of the push
// nothing, putBack, fail, drop or seal.
type turn struct {
	*lane

	lanes *lanes
}

// begin returns how many events had to be given up since the last turn, and whether a
// recovery is due; then what Send hands over leaves first, until recovered.
func (t *turn) begin() (givenUp int, recovery bool) {
	ls, l := t.lanes, t.lane
	ls.mu.Lock()
	givenUp, l.givenUp = l.givenUp, 0
	ls.changeLocked(l, laneBegin)
	if recovery = l.state == laneRecovering; recovery {
		l.resync, l.front = false, queue{}
		if m := l.takeReset(); m != nil && ls.can.EventID {
			l.front.add(m, laneBound, nil)
		}
	}
	ls.mu.Unlock()
	if recovery {
		ls.changed()
	}
	return givenUp, recovery
}

// recovered ends a recovery. It waits for a broadcast that is with the gateway: the
// state has to follow it, since it carries the ID of the place where the log is then.
func (t *turn) recovered() {
	ls := t.lanes
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.changeLocked(t.lane, laneRecovered)
	ls.turns.awaitPostLocked()
}

// take removes and returns what the lane sends next, or nil, whether that is part of a
// recovery, and whether it may carry an ID.
func (t *turn) take() (m *message, recovery, ids bool) {
	ls, l := t.lanes, t.lane
	ls.mu.Lock()
	defer ls.mu.Unlock()
	recovery = l.front.first() != nil
	if m = l.front.take(); m == nil {
		m = l.queue.take()
	}
	if m != nil && m.carriesPlace() && !m.repeated && (recovery || ls.can.Broadcast) {
		m.id = l.nextPlace(ls.place)
	}
	return m, recovery, ls.can.EventID
}

// putBack makes m, which was taken and not sent, the next to be sent again.
func (t *turn) putBack(m *message, recovery bool) {
	t.lanes.mu.Lock()
	defer t.lanes.mu.Unlock()
	if recovery {
		t.front.putBack(m)
	} else {
		t.queue.putBack(m)
	}
}

// fail notes that m, which was taken, did not arrive, and returns the event that the
// stream has lost for good by that, or nil. A part of a recovery is made anew by the
// next one; but it takes the first event that waits with it, so that a stream that
// cannot be reached gets one recovery per event and not one after the other.
func (t *turn) fail(m *message, recovery bool) (lost *message) {
	ls, l := t.lanes, t.lane
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if m.isQuestion() {
		return nil
	}
	l.lost(m)
	if !recovery {
		return m
	}
	l.front = queue{}
	if l.end == endNear {
		return nil
	}
	if lost = l.queue.take(); lost != nil {
		ls.count(lost, 1)
		l.lost(lost)
	}
	return lost
}

// drop notes that m, which was taken, is larger than the gateway takes. The same state
// would be so again, so it is no reason for a recovery.
func (t *turn) drop(m *message) {
	t.lanes.mu.Lock()
	defer t.lanes.mu.Unlock()
	if !m.private() {
		t.lost(m)
	}
}

// seal empties the lane of a token that is gone, and lets it take nothing more.
func (t *turn) seal() {
	t.lanes.mu.Lock()
	defer t.lanes.mu.Unlock()
	t.end = endNear
	t.front, t.queue = queue{}, queue{}
}

// finish ends the turn: a lane that has more to send goes to the FIFO's end (its worker
// looks there next, so no other needs to wake up), one that remembers something stays,
// any other has served its purpose.
func (t *turn) finish() {
	ls, l := t.lanes, t.lane
	ls.mu.Lock()
	if l.waits() {
		ls.changeLocked(l, laneMore)
	} else {
		ls.changeLocked(l, laneDone)
		if l.needless() {
			ls.forgetLocked(l)
		}
	}
	ls.mu.Unlock()
	ls.changed()
}
