package httpsender

import (
	"context"
	"fmt"

	"heliograph/domain/access"
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

// feed has the stream get what is broadcast after a place and is for v, though the roster
// does not have it yet.
func (h hold) feed(v access.Viewer, after event.ID) {
	h.lanes.mu.Lock()
	defer h.lanes.mu.Unlock()
	h.lanes.recipients.addEarly(h.token, v, after)
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
	ls.recipients.letGo(l.token, true)
	switch {
	case l.waits() || l.resync:
		ls.changeLocked(l, laneWake)
	case l.state == laneIdle && l.needless():
		ls.forgetLocked(l)
	}
}

// join has the stream of v, whose client has got everything up to id, get what t
// broadcasts, and returns the place after which it does. It waits until the gateway can
// be reached and has what is in flight, and what was there before something was left out
// that may be for v. Errors: ctx.Err(), with errLater if that may be so.
func (h hold) join(ctx context.Context, t *trunk, v access.Viewer, id event.ID) (upTo event.ID, err error) {
	for {
		changed := t.link.watch()
		t.mu.Lock()
		if t.inFlight.leftOut.IsZero() {
			break
		}
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return upTo, fmt.Errorf("%w: %w", errLater, ctx.Err())
		}
	}
	upTo = t.inFlight.newest()
	h.feed(v, upTo)
	t.inFlight.noteTaken(id)
	if !t.inFlight.posting {
		t.inFlight.settle(t.inFlight.alreadyTaken())
		t.pumpLocked()
	}
	t.mu.Unlock()
	return upTo, h.await(ctx, t, upTo)
}

// goLive has the stream, which has got everything up to a place, get what t broadcasts as
// others do, and reports true. If events for it left meanwhile it reports false and up to
// where it has missed them; then it waits as join does. Errors: ctx.Err().
func (h hold) goLive(ctx context.Context, t *trunk) (upTo event.ID, live bool, err error) {
	t.mu.Lock()
	h.lanes.mu.Lock()
	live = h.lanes.recipients.letGo(h.token, false)
	h.lanes.mu.Unlock()
	upTo = t.inFlight.newest()
	t.mu.Unlock()
	if !live {
		err = h.await(ctx, t, upTo)
	}
	return upTo, live, err
}

// await waits until the gateway can be reached and has what is in flight up to a place.
// Errors: ctx.Err().
func (h hold) await(ctx context.Context, t *trunk, upTo event.ID) error {
	for {
		changed := t.link.watch()
		t.mu.Lock()
		ready := t.link.isUp() && !t.inFlight.has(upTo)
		t.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
