package httpsender

import "slices"

// What may wait for one stream. A stream that is behind by that much is better
// served by a fresh snapshot.
const (
	// maxEvents leaves room for the first and last events of a hundred tasks and
	// for the progress of some fifty, which is conflated to one event each.
	maxEvents = 256
	// maxBytes bounds the bodies, in bytes: some ten of the largest events (64 KiB,
	// rule E8, before escaping). A broadcast's body counts in every queue, though
	// they share it.
	maxBytes = 1 << 20
)

// queue holds messages, oldest first. It is bounded by maxEvents and maxBytes,
// but always has room for one. Its zero value is empty.
type queue struct {
	messages []*message
	bytes    int
}

// add appends m in place of what waits with the same key (rule E10), and gives
// up what there is no more room for.
func (q *queue) add(m *message, giveUp func(*message)) {
	if m.key != "" {
		if i := slices.IndexFunc(q.messages, func(older *message) bool { return older.key == m.key }); i >= 0 {
			q.remove(i)
		}
	}
	q.messages = append(q.messages, m)
	q.bytes += len(m.rest)
	for len(q.messages) > 1 && (len(q.messages) > maxEvents || q.bytes > maxBytes) {
		giveUp(q.remove(q.oldest()))
	}
}

// oldest returns the place of what to give up first: an event that counts, since
// whatever is lost, the newest state is to be known. The newest event stays.
func (q *queue) oldest() int {
	older := q.messages[:len(q.messages)-1]
	return max(0, slices.IndexFunc(older, func(m *message) bool { return m.key == "" }))
}

// take removes and returns the oldest message, or nil.
func (q *queue) take() *message {
	if len(q.messages) == 0 {
		return nil
	}
	return q.remove(0)
}

// remove removes and returns the i-th message.
func (q *queue) remove(i int) *message {
	m := q.messages[i]
	q.messages = slices.Delete(q.messages, i, i+1)
	q.bytes -= len(m.rest)
	return m
}
