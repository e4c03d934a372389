package httpsender

import "slices"

// bound is how much may wait in a queue.
type bound struct{ events, bytes int }

var (
	// laneBound is for one stream, which is better served by a fresh snapshot if it
	// is behind by that much: it leaves room for the first and last events of a
	// hundred tasks, for the progress of some fifty, which is conflated to one
	// event each, and for some ten of the largest events (64 KiB, rule E8, before
	// escaping). A broadcast's body counts in every lane, though they share it.
	laneBound = bound{events: 256, bytes: 1 << 20}
	// trunkBound is for all streams together, where an event is one request: the
	// first and last events of some two thousand tasks. Where it is one for each
	// stream, as much waits for all as may for one.
	trunkBound = bound{events: 4096, bytes: 8 << 20}
)

// queue holds messages, oldest first. It is bounded, but always has room for
// one. Its zero value is empty.
type queue struct {
	messages []*message
	bytes    int
}

// add appends m in place of what it replaces, and gives up what there is no more
// room for.
func (q *queue) add(m *message, b bound, giveUp func(*message)) (replaced *message) {
	if m.conflates() {
		if i := slices.IndexFunc(q.messages, m.replaces); i >= 0 {
			replaced = q.remove(i)
		}
	}
	q.messages = append(q.messages, m)
	q.bytes += len(m.fields)
	for len(q.messages) > 1 && (len(q.messages) > b.events || q.bytes > b.bytes) {
		giveUp(q.remove(q.oldest()))
	}
	return replaced
}

// oldest returns the place of what to give up first: an event that counts, since
// whatever is lost, the newest state is to be known. The newest event stays.
func (q *queue) oldest() int {
	older := q.messages[:len(q.messages)-1]
	return max(0, slices.IndexFunc(older, func(m *message) bool { return !m.conflates() }))
}

// first returns the oldest message, or nil.
func (q *queue) first() *message {
	if len(q.messages) == 0 {
		return nil
	}
	return q.messages[0]
}

// take removes and returns the oldest message, or nil.
func (q *queue) take() *message {
	if len(q.messages) == 0 {
		return nil
	}
	return q.remove(0)
}

// putBack makes m, which was taken, the oldest message again.
func (q *queue) putBack(m *message) {
	q.messages = slices.Insert(q.messages, 0, m)
	q.bytes += len(m.fields)
}

// remove removes and returns the i-th message.
func (q *queue) remove(i int) *message {
	m := q.messages[i]
	q.messages = slices.Delete(q.messages, i, i+1)
	q.bytes -= len(m.fields)
	return m
}
