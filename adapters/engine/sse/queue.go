package sse

import (
	"cmp"
	"math"
	"slices"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/internal/audience"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// queue is what waits for one stream outside the log: nil nearly always. It is guarded
// by Stream.mu.
type queue struct {
	private []private     // in the order of their positions
	room    chan struct{} // closed when some of it was written; nil if nothing waits for that
	bytes   int           // of what was pushed
	forSome int32         // bytes of events that are for some: a page, or one event
	final   bool          // the last event is queued; none is taken after it
}

// newQueue has room for what a new stream gets: its head, a task snapshot and a
// version.
func newQueue() *queue { return &queue{private: make([]private, 0, 3)} }

// private is an event for one stream, which goes out when the stream has
// written the log up to at. So what a client gets is in the order in which it
// was handed over, be it private or not.
type private struct {
	at       log.Position
	id       []byte        // the line with the event's ID, if it has one
	body     []byte        // the rest of the frame, which other streams may share
	service  event.Service // "" for a control event
	begun    time.Time
	delivery *delivery     // of an event that is for some; nil for others, and in replay
	next     gateway.Parts // gives what follows once this is written; nil if nothing does
	own      bool          // the service's own, of what a stream begins with: does not count against its limit
	skip     int           // instead of an event: so many bytes of the log from at on are left out
	final    bool          // ends the stream
	raw      bool          // no event but the answer's head, which is not chunked
	name     fates.Word    // of the event; 0 for what is not told as one
}

func (p private) size() int { return len(p.id) + len(p.body) }

// wireSize is what p takes on the wire of a shard's stream.
func (p private) wireSize(chunked bool) int {
	size := p.size()
	if !chunked || p.raw {
		return size
	}
	if size > 0 {
		size = wire.ChunkSize(size)
	}
	if p.final {
		size += len(wire.LastChunk)
	}
	return size
}

// appendTo appends what wireSize measures.
func (p private) appendTo(b []byte, chunked bool) []byte {
	chunk := chunked && !p.raw && p.size() > 0
	if chunk {
		b = wire.AppendChunkHead(b, p.size())
	}
	b = append(append(b, p.id...), p.body...)
	if chunk {
		b = append(b, "\r\n"...)
	}
	if chunked && p.final {
		b = append(b, wire.LastChunk...)
	}
	return b
}

// delivered records that p was written.
func (p private) delivered(m gateway.Metrics) {
	switch {
	case p.delivery != nil:
		p.delivery.done(m)
	case p.service != "" && !p.begun.IsZero():
		m.Took(p.service, time.Since(p.begun))
	}
}

// waiting returns what waits.
func (q *queue) waiting() []private {
	if q == nil {
		return nil
	}
	return q.private
}

// add queues p after all that waits.
func (q *queue) add(p private) {
	q.private = append(q.private, p)
	q.count(p, 1)
	q.final = p.final
}

// count adds p to what waits, or with sign -1 takes it off.
func (q *queue) count(p private, sign int) {
	switch {
	case p.delivery != nil:
		q.forSome += int32(sign * p.size()) //nolint:gosec // see overForSome
	case !p.own:
		q.bytes += sign * p.size()
	}
}

// over reports whether so many bytes more would be more than limit allows to wait. One
// event that is too large by itself may wait alone.
func (q *queue) over(bytes, limit int) bool {
	return q != nil && q.bytes > 0 && q.bytes+bytes > limit
}

// awaitRoom returns a channel that is closed when some of what waits was written, or
// never will be.
func (q *queue) awaitRoom() <-chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// makeRoom wakes what waits for room.
func (q *queue) makeRoom() {
	if q != nil && q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// appendDue appends the private events whose position the stream has reached, up to a
// sequence.
func (q *queue) appendDue(b []byte, at log.Position, last uint64, chunked bool) []byte {
	for _, p := range q.private {
		if p.at.Off > at.Off || p.at.Seq > last || p.skip > 0 || len(b) > 0 && len(b)+p.wireSize(chunked) > transport.Gathered {
			break
		}
		b = p.appendTo(b, chunked)
	}
	return b
}

// lastPosition returns the position at which the last event is sent, or at, where the
// stream is, if that is later or nothing waits.
func (q *queue) lastPosition(at log.Position) log.Position {
	if q == nil || len(q.private) == 0 {
		return at
	}
	if last := q.private[len(q.private)-1].at; last.Off > at.Off {
		return last
	}
	return at
}

// moveBefore is for a stream that is to get the log from a position on: those of the
// events meant that wait for later positions are sent before that, and nothing of the
// log is left out.
func (q *queue) moveBefore(at log.Position, which QueuedFrames) {
	if q == nil {
		return
	}
	q.private = slices.DeleteFunc(q.private, func(p private) bool { return p.skip > 0 })
	for i, p := range q.private {
		if p.at.Off > at.Off && (p.own || which == AllFrames) {
			q.private[i].at = at
		}
	}
}

// skip makes the stream leave out n bytes of the log, from at on.
func (q *queue) skip(at log.Position, n int) {
	if last := len(q.private) - 1; last >= 0 {
		if p := &q.private[last]; p.skip > 0 && p.at.Off+uint64(p.skip) == at.Off {
			p.skip += n
			return
		}
	}
	q.private = append(q.private, private{at: at, skip: n})
}

// nextSkip returns the bytes to leave out, if that is what comes next for a stream at
// off, and they are in the log, which ends at end.
func (q *queue) nextSkip(off, end uint64) (skip private, ok bool) {
	if len(q.private) == 0 {
		return private{}, false
	}
	p := q.private[0]
	return p, p.skip > 0 && p.at.Off <= off && p.at.Off+uint64(p.skip) <= end
}

// overForSome is over for events that are for some, which are counted by themselves.
func (q *queue) overForSome(bytes, limit int) bool {
	return q != nil && q.forSome > 0 && int(q.forSome)+bytes > limit
}

// lastSequence is up to where a stream with that queue is to get events.
func (q *queue) lastSequence() uint64 {
	if q == nil || !q.final {
		return math.MaxUint64
	}
	return q.private[len(q.private)-1].at.Seq
}

// merge queues events for some each before what was handed over after it was published.
func (q *queue) merge(page []*audience.Entry[targeted]) {
	merged := make([]private, 0, len(page)+len(q.private))
	for _, entry := range page {
		merged = append(merged, entry.Value.private())
	}
	merged = append(merged, q.private...)
	slices.SortStableFunc(merged, func(a, b private) int { return cmp.Compare(a.at.Seq, b.at.Seq) })
	q.private = merged
}
