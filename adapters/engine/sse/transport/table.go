package transport

import "slices"

// table holds the streams of a shard, by slot and by descriptor. Not safe for concurrent
// use.
type table[S Stream] struct {
	none        S // no stream
	streams     []S
	byFD        []S
	generations int32 // given so far; it may wrap around
}

// add gives a new stream a slot and a generation.
func (t *table[S]) add(s S) {
	socket := s.Socket()
	fd := int(socket.fd)
	if fd >= len(t.byFD) {
		t.byFD = slices.Grow(t.byFD, fd+1-len(t.byFD))[:fd+1]
	}
	socket.slot = int32(len(t.streams)) //nolint:gosec // no more than descriptors
	t.streams = append(t.streams, s)
	t.byFD[fd] = s
	t.generations++
	socket.generation = t.generations
}

// remove removes a stream; the last one gets its slot.
func (t *table[S]) remove(s S) {
	socket := s.Socket()
	t.byFD[socket.fd] = t.none
	last := t.streams[len(t.streams)-1]
	t.streams[socket.slot] = last
	last.Socket().slot = socket.slot
	t.streams[len(t.streams)-1] = t.none
	t.streams = t.streams[:len(t.streams)-1]
	socket.fd = -1
}

// of returns the stream that r is about, or none if that has ended since: its descriptor
// may be another's by now.
func (t *table[S]) of(r Readiness) S {
	if r.FD >= len(t.byFD) {
		return t.none
	}
	s := t.byFD[r.FD]
	if s == t.none || s.Socket().generation != r.Generation {
		return t.none
	}
	return s
}
