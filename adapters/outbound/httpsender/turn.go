package httpsender

// A worker takes a lane through its turn with these methods: begin, endRecovery
// if one is due, take, and, by the outcome, fail or seal.

// begin opens a lane's turn. It returns how many events had to be given up since
// the last one, and whether recovery is due; then what Send hands over goes to
// the front until endRecovery.
func (ls *lanes) begin(l *lane) (givenUp int, recovery bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	givenUp, l.givenUp = l.givenUp, 0
	l.recovering = l.lossy && !l.sealed && !ls.closed // what ends needs no state, or could not have it
	if l.recovering {
		l.lossy = false
		l.front = queue{}
	}
	return givenUp, l.recovering
}

func (ls *lanes) endRecovery(l *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.recovering = false
}

// take removes and returns what the lane sends next, or nil, and whether that is
// part of a recovery.
func (ls *lanes) take(l *lane) (m *message, recovery bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if m = l.front.take(); m != nil {
		return m, true
	}
	return l.queue.take(), false
}

// fail notes that m, which was taken, did not arrive, and returns the event that
// the stream has lost for good by that, or nil. A part of a recovery is made anew
// by the next one; but it takes the first event that waits with it, so that a
// gateway that is down gets one recovery per event and not one after the other.
func (ls *lanes) fail(l *lane, m *message, recovery bool) (lost *message) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.lossy = true
	if !recovery {
		return m
	}
	l.front = queue{}
	if l.sealed {
		return nil
	}
	if lost = l.queue.take(); lost != nil {
		ls.giveUp(lost)
	}
	return lost
}

// seal empties the lane of a token that is gone, and lets it take nothing more.
func (ls *lanes) seal(l *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.sealed = true
	l.front, l.queue = queue{}, queue{}
}

// giveUpAll counts all that still waits as lost, and returns how many events
// that was, of how many streams.
func (ls *lanes) giveUpAll() (events, streams int) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byToken {
		before := events
		for _, m := range append(l.front.messages, l.queue.messages...) {
			ls.giveUp(m)
			events++
		}
		if events > before {
			streams++
		}
	}
	clear(ls.byToken)
	return events, streams
}
