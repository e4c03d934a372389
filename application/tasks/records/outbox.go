package records

import (
	"context"
	"sync"

	"heliograph/application/tasks/lifecycle"
	"heliograph/domain/task"
)

// outboxRoom is how many events may wait to be sent, of all tasks together; who has one
// more waits. With the largest events that is 64 MiB.
const outboxRoom = 1024

// outbox sends events in the background, so that no worker waits for the broker: those of
// one task one after the other in the order in which they were handed over, each once
// the broker has taken the one before or did not for good, and those of different tasks
// at the same time. A shutdown waits for it. It is safe for concurrent use.
type outbox struct {
	sender sender
	direct bool // nothing is sent in the background
	life   *lifecycle.Lifecycle
	room   chan struct{} // holds a token for each event that waits or is under way

	mu sync.Mutex
	// lines has the events that wait, of the tasks that have a goroutine which sends
	// them; guarded by mu
	lines map[task.ID][]outgoing
}

// outgoing is an event that waits. sent is called with what became of it (see
// sender.send), or false at the end of the service.
type outgoing struct {
	event task.Event
	sent  func(done bool)
}

// newOutbox returns one for a broker that may have to be waited for; or a direct one, for
// one that takes each event at once.
func newOutbox(s sender, life *lifecycle.Lifecycle, direct bool) *outbox {
	return &outbox{sender: s, direct: direct, life: life, room: make(chan struct{}, outboxRoom), lines: make(map[task.ID][]outgoing)}
}

// publish hands an event over.
func (b *outbox) publish(ctx context.Context, e task.Event) {
	b.hand(ctx, outgoing{e, func(bool) {}})
}

// publishNow returns when an event that was handed over was sent, and all before it. It
// reports false if another try may succeed.
func (b *outbox) publishNow(ctx context.Context, e task.Event) (done bool) {
	sent := make(chan bool, 1)
	b.hand(ctx, outgoing{e, func(done bool) { sent <- done }})
	select {
	case done = <-sent:
		return done
	case <-ctx.Done():
		return false
	}
}

// hand hands an event over. It waits only while there is no room, until the end of ctx.
func (b *outbox) hand(ctx context.Context, o outgoing) {
	if b.direct {
		o.sent(b.sender.send(ctx, o.event))
		return
	}
	select {
	case b.room <- struct{}{}:
	case <-ctx.Done():
		b.sender.warn(ctx, o.event, ctx.Err())
		o.sent(false)
		return
	}
	if b.enqueue(o) {
		b.life.Go(func() { b.sendAll(o.event.TaskID) }) //nolint:contextcheck // it goes on when the caller has gone
	}
}

// enqueue reports whether the task has no goroutine yet.
func (b *outbox) enqueue(o outgoing) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line, underWay := b.lines[o.event.TaskID]
	b.lines[o.event.TaskID] = append(line, o)
	return !underWay
}

// next takes the event out that is next, or ends the line.
func (b *outbox) next(id task.ID) (o outgoing, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := b.lines[id]
	if len(line) == 0 {
		delete(b.lines, id)
		return outgoing{}, false
	}
	b.lines[id] = line[1:]
	return line[0], true
}

// sendAll sends the events of one task until none waits.
func (b *outbox) sendAll(id task.ID) {
	for o, more := b.next(id); more; o, more = b.next(id) {
		done := b.sender.send(b.life.Context(), o.event)
		<-b.room
		o.sent(done)
	}
}
