package log

import (
	"iter"
	"sort"
	"time"

	"heliograph/adapters/engine/sse/wire"
)

// Event is a log event as the log has it. Its frame must not be changed; it stays as it is
// when the log drops it.
type Event struct {
	Seq   uint64
	At    time.Time
	Frame []byte
}

// Events yields the log events that follow a sequence, oldest first, as far back as the
// log reaches. Only the appender may call it, and append nothing meanwhile.
func (l *Log) Events(seq uint64) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for _, s := range *l.view.Load() {
			if s.end.Load().Seq > seq && !s.events(seq, yield) {
				return
			}
		}
	}
}

// Count returns how many log events follow a sequence. Only the appender may call it.
func (l *Log) Count(seq uint64) (n int) {
	for _, s := range *l.view.Load() {
		n += len(s.index) - s.following(seq)
	}
	return n
}

// following is the index of the first event that follows a sequence.
func (s *segment) following(seq uint64) int {
	return sort.Search(len(s.index), func(i int) bool { return s.base+uint64(s.index[i].seq) > seq })
}

// events reports whether yield wants more.
func (s *segment) events(seq uint64, yield func(Event) bool) bool {
	first := s.following(seq)
	start := uint32(0)
	if first > 0 {
		start = s.index[first-1].end
	}
	for _, e := range s.index[first:] {
		at := s.since.Add(time.Duration(e.at) * time.Millisecond)
		if !yield(Event{Seq: s.base + uint64(e.seq), At: at, Frame: lastFrame(s.buf[start:e.end])}) {
			return false
		}
		start = e.end
	}
	return true
}

// lastFrame returns what the last of some chunks holds. Those before are of frames that
// are no log events.
func lastFrame(chunks []byte) (frame []byte) {
	for len(chunks) > 0 {
		frame, chunks = wire.CutChunk(chunks)
	}
	return frame
}
