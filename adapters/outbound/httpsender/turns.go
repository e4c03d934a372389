package httpsender

import "sync"

// turns hands the lanes whose turn is due to the workers, in the order in which they became
// due, and to none while a broadcast is with the gateway. It is safe for concurrent use.
type turns struct {
	mu          *sync.Mutex // that of lanes; guards all below
	due         sync.Cond   // a lane is due, or stopped is set
	posted      sync.Cond   // a post ended, or stopped is set
	first, last *lane       // the FIFO of the lanes that are due
	busy        int         // lanes that are due or have their turn
	recovering  int         // of them, those that recover first
	open        bool        // the gateway can be reached
	posting     bool        // a broadcast is with the gateway: no lane has a turn
	stopped     bool        // nothing leaves any more
}

func (t *turns) init(mu *sync.Mutex) { t.mu, t.due.L, t.posted.L = mu, mu, mu }

// next waits for a lane whose turn is due, and takes it out. It returns nil after the stop.
func (t *turns) next() *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	for (t.first == nil || !t.open || t.posting) && !t.stopped {
		t.due.Wait()
	}
	if t.stopped {
		return nil
	}
	l := t.first
	t.first, l.next = l.next, nil
	return l
}

// beginPost has no lane begin a turn until endPost, if all have sent what they were
// given, but for those that recover first: that may take as long as observers do.
func (t *turns) beginPost() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.posting = t.busy <= t.recovering
	return t.posting
}

func (t *turns) endPost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.posting = false
	t.posted.Broadcast()
	if t.first != nil {
		t.due.Broadcast()
	}
}

// quiet reports whether no lane has anything to send.
func (t *turns) quiet() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.busy == 0
}

// awaitPostLocked waits until no broadcast is with the gateway, or for the stop.
func (t *turns) awaitPostLocked() {
	for t.posting && !t.stopped {
		t.posted.Wait()
	}
}

// connectLocked says whether the gateway can be reached.
func (t *turns) connectLocked(open bool) {
	t.open = open
	t.due.Broadcast()
}

// endLocked wakes what waits, and with stop has no turn begin any more.
func (t *turns) endLocked(stop bool) {
	t.stopped = t.stopped || stop
	t.due.Broadcast()
	t.posted.Broadcast()
}

// followLocked takes in that l's state was another one before. With wake a worker is woken
// if the lane has become due by that.
func (t *turns) followLocked(l *lane, before laneState, wake bool) {
	t.busy += toInt(l.state.busy()) - toInt(before.busy())
	t.recovering += toInt(l.state.recovers()) - toInt(before.recovers())
	if before == l.state || l.state != laneQueued && l.state != laneQueuedToRecover {
		return
	}
	if t.first == nil {
		t.first = l
	} else {
		t.last.next = l
	}
	t.last = l
	if wake {
		t.due.Signal()
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
