package httpsender

import (
	"context"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// hold is a lane that gets no turn until letGo, because its stream resumes or is being
// adopted. A lane that is busy stays so.
type hold struct {
	*lane

	lanes *lanes
}

// newHold holds the lane of a stream that resumes (laneHold) or is adopted (laneGreet).
func newHold(ls *lanes, token connection.Token, why laneEvent) hold {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.laneLocked(token)
	ls.changeLocked(l, why)
	return hold{lane: l, lanes: ls}
}

// feed has the stream get what is broadcast, though the roster does not have it yet.
func (h hold) feed() {
	h.lanes.mu.Lock()
	defer h.lanes.mu.Unlock()
	h.early = earlySweeps
	h.lanes.early[h.lane] = struct{}{}
}

// fallBehind notes that the stream has not got what it missed: it is told so, and gets
// the state as it is then, as soon as it can be reached (rule E6).
func (h hold) fallBehind(reason stream.ResetReason) {
	h.lanes.mu.Lock()
	defer h.lanes.mu.Unlock()
	h.resync, h.reset = true, reason // letGo gives it a turn
}

// isBehind reports whether the stream lost events meanwhile.
func (h hold) isBehind() bool {
	h.lanes.mu.Lock()
	defer h.lanes.mu.Unlock()
	return h.resync
}

// letGo gives the lane its turn, or forgets it if it is needed no more.
func (h hold) letGo() {
	ls, l := h.lanes, h.lane
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.changeLocked(l, laneLetGo)
	switch {
	case l.waits() || l.resync:
		ls.changeLocked(l, laneWake)
	case l.state == laneIdle && l.needless():
		ls.forgetLocked(l)
	}
}

// join has the stream, whose client has got everything up to id, get what t broadcasts,
// and returns the place after which it does. It waits until the gateway can be reached
// and has what is in flight. Errors: ctx.Err().
func (h hold) join(ctx context.Context, t *trunk, id event.ID) (upTo event.ID, err error) {
	t.mu.Lock()
	h.feed()
	upTo = t.inFlight.newest()
	t.inFlight.noteTaken(id)
	if !t.inFlight.posting {
		t.settleLocked(t.inFlight.alreadyTaken())
		t.pumpLocked()
	}
	t.mu.Unlock()
	for {
		changed := t.link.watch()
		t.mu.Lock()
		ready := t.link.isUp() && !t.inFlight.has(upTo)
		t.mu.Unlock()
		if ready {
			return upTo, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return upTo, ctx.Err()
		}
	}
}
