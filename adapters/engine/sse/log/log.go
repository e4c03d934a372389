// Package log is the bounded record of the frames that all streams get.
//
// Concurrency properties: one goroutine at a time appends and looks positions up (the
// engine does so under its mutex); any number reads meanwhile without a lock.
package log

import (
	"errors"
	"math"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
)

// Position is a frame boundary in the log, and what lies before it.
type Position struct {
	Off uint64 // bytes since the engine began
	Seq uint64 // sequence of the last log event

	events uint64 // log events since the engine began
	// others counts those of each service but the first, which has the rest. They wrap
	// around: only differences are asked for, and each stream has a few positions.
	others [len(event.Services) - 1]uint32
}

// Events is the number of log events before m since the engine began.
func (m Position) Events() uint64 { return m.events }

// EventsSince is the number of log events of a service, an index in event.Services,
// between an earlier position and m.
func (m Position) EventsSince(before Position, service int) int {
	return int(m.sent(service) - before.sent(service))
}

// sent is the number of the service's log events before m, modulo 2^32.
func (m Position) sent(service int) uint32 {
	if service > 0 {
		return m.others[service-1]
	}
	first := uint32(m.events) //nolint:gosec // it wraps around
	for _, n := range m.others {
		first -= n
	}
	return first
}

// counting returns m with one more log event of a service.
func (m Position) counting(service int) Position {
	m.events++
	if service > 0 {
		m.others[service-1]++
	}
	return m
}

// ErrBehind says that a position's bytes are no longer in the log.
var ErrBehind = errors.New("position is no longer in the log")

// Log is the bounded record of encoded frames, each a chunk, divided into segments.
//
// One goroutine at a time appends and locates (under Engine.mu); any number
// reads meanwhile, without a lock: bytes before a segment's end never change
// again, the end is published after them, and a segment that is dropped is left
// to the garbage collector, which frees it when its last reader is done. So memory is
// the limit plus what writes under way still hold.
type Log struct {
	epoch       string
	limit       int // bytes of all segments together; owned by the appender
	segmentSize int // bytes of one, unless a frame is larger
	held        int // bytes of all segments now
	view        atomic.Pointer[[]*segment]
}

// segment is a contiguous piece of the log. No frame crosses its end.
type segment struct {
	start Position
	buf   []byte
	end   atomic.Pointer[Position] // start of what is free in buf
	base  uint64                   // sequence of its first log event; owned by the appender
	since time.Time                // when it was appended; owned by the appender
	index []entry                  // of its log events, in order; owned by the appender
	ids   map[string]span          // its frames with a backend's ID; nil if there are none; owned by the appender
}

// entry locates one log event: where its frame ends, when it was appended and which service sent it.
type entry struct {
	seq     uint32 // less the segment's base
	end     uint32 // offset in the segment
	at      uint32 // milliseconds since the segment's since
	service uint8  // index in event.Services
}

// span is where a frame is: offsets in its segment.
type span struct{ start, end uint32 }

// Segments are a 64th of the log, which bounds what retention loses by dropping
// whole segments to 2 %, but neither so small that every frame needs its own nor
// so large that an idle service pays for it.
const (
	minSegment = 512
	maxSegment = 256 << 10
)

// New returns a log that begins after start and holds up to limit bytes.
func New(start event.ID, limit int) *Log {
	l := &Log{epoch: start.Epoch, limit: limit, segmentSize: min(max(limit/64, minSegment), maxSegment)}
	l.view.Store(&[]*segment{newSegment(Position{Seq: start.Seq}, 0)})
	return l
}

func newSegment(start Position, size int) *segment {
	s := &segment{start: start, buf: make([]byte, size)}
	s.end.Store(&start)
	return s
}

// Epoch is that of all the log's events.
func (l *Log) Epoch() string { return l.epoch }

// Held is the memory of the log, in bytes. Only the appender may call it.
func (l *Log) Held() int { return l.held }

// Head is the end of the log.
func (l *Log) Head() Position {
	view := *l.view.Load()
	return *view[len(view)-1].end.Load()
}

// Tail is the oldest position that can be read from.
func (l *Log) Tail() Position { return (*l.view.Load())[0].start }

// SetLimit changes how many bytes the log may take, and drops what is over that; but
// never the last segment.
func (l *Log) SetLimit(limit int) {
	l.limit = limit
	view := *l.view.Load()
	dropped := 0
	for ; l.held > l.limit && dropped < len(view)-1; dropped++ {
		l.held -= len(view[dropped].buf)
	}
	if dropped > 0 {
		fresh := slices.Clone(view[dropped:])
		l.view.Store(&fresh)
	}
}

// AppendEvent adds the frame of log event id, of at most size bytes, which
// encode appends to what it is given. now is the time.
func (l *Log) AppendEvent(seq uint64, service int, size int, now time.Time, encode func([]byte) []byte) {
	s := l.roomFor(seq, size+wire.ChunkOverhead, now)
	m := *s.end.Load()
	m.Off += s.write(m, encode)
	m.Seq = seq
	m = m.counting(service)
	s.index = append(s.index, entry{
		seq: uint32(seq - s.base), end: uint32(m.Off - s.start.Off), service: uint8(service), //nolint:gosec // a segment is far smaller than 4 GiB
		at: uint32(now.Sub(s.since).Milliseconds()), //nolint:gosec // see roomFor
	})
	s.end.Store(&m)
}

// AppendControl adds a frame that is no log event: a heartbeat or a ping.
func (l *Log) AppendControl(frame []byte) { l.AppendFrame("", frame) }

// AppendFrame adds a frame that is no log event of ours, and which Find finds
// by a backend's id unless that is "".
func (l *Log) AppendFrame(id string, frame []byte) {
	s := l.room(len(frame) + wire.ChunkOverhead)
	m := *s.end.Load()
	start := m.Off - s.start.Off
	m.Off += s.write(m, func(b []byte) []byte { return append(b, frame...) })
	if id != "" {
		s.remember(id, span{start: uint32(start), end: uint32(m.Off - s.start.Off)}) //nolint:gosec // see appendEvent
	}
	s.end.Store(&m)
}

func (s *segment) remember(id string, at span) {
	if s.ids == nil {
		s.ids = make(map[string]span)
	}
	s.ids[id] = at
}

// write encodes a chunk into what is free after m and returns the number of bytes.
func (s *segment) write(m Position, encode func([]byte) []byte) uint64 {
	used := int(m.Off - s.start.Off) //nolint:gosec // a segment is far smaller than 4 GiB
	n := len(wire.AppendChunk(s.buf[used:used:len(s.buf)], encode))
	if used+n > len(s.buf) {
		panic("sse: a frame is longer than frameSize said")
	}
	return uint64(n)
}

// roomFor is room for a log event. Sequences may be far apart, because events that are
// for some streams only are not in the log but have sequences, too; and so may times.
func (l *Log) roomFor(seq uint64, size int, now time.Time) *segment {
	s := l.room(size)
	if len(s.index) > 0 && (seq-s.base > math.MaxUint32 || now.Sub(s.since) > math.MaxUint32*time.Millisecond) {
		s = l.grow(size)
	}
	if len(s.index) == 0 {
		s.base, s.since = seq, now
	}
	return s
}

// room returns the last segment if it has size bytes left, or else a new one.
func (l *Log) room(size int) *segment {
	view := *l.view.Load()
	last := view[len(view)-1]
	end := *last.end.Load()
	if free := len(last.buf) - int(end.Off-last.start.Off); size <= free { //nolint:gosec // see write
		return last
	}
	return l.grow(size)
}

// grow begins a segment with room for size bytes, and drops old ones to make room for it.
func (l *Log) grow(size int) *segment {
	view := *l.view.Load()
	end := l.Head()
	next := newSegment(end, max(size, l.segmentSize))
	l.held += len(next.buf)
	for len(view) > 0 && l.held > l.limit {
		l.held -= len(view[0].buf)
		view = view[1:]
	}
	fresh := append(append(make([]*segment, 0, len(view)+1), view...), next)
	l.view.Store(&fresh)
	return next
}

// Read returns the bytes from offset off, a frame boundary, to the end of their
// segment, and the position where they end; no bytes if there are none yet. The
// caller must not change them. Errors: ErrBehind.
func (l *Log) Read(off uint64) ([]byte, Position, error) {
	view := *l.view.Load()
	i := len(view) - 1
	if off < view[i].start.Off { // only a reader that lags is not in the last segment
		i = sort.Search(len(view), func(i int) bool { return view[i].start.Off > off }) - 1
	}
	if i < 0 {
		return nil, Position{}, ErrBehind
	}
	s := view[i]
	end := s.end.Load()
	return s.buf[off-s.start.Off : end.Off-s.start.Off], *end, nil
}

// After returns the position right after log event seq, which must not be newer
// than head; ErrBehind if events after it are no longer there.
func (l *Log) After(seq uint64) (Position, error) {
	view := *l.view.Load()
	if seq < view[0].start.Seq {
		return Position{}, ErrBehind
	}
	// The last segment that begins at or before seq has it, or begins right after it.
	i := sort.Search(len(view), func(i int) bool { return view[i].start.Seq > seq }) - 1
	return view[i].after(seq), nil
}

// Find returns the frame, without its chunk, that was appended under a backend's id, and the
// position right after it. Only the appender may call it.
func (l *Log) Find(id string) (frame []byte, after Position, ok bool) {
	if id == "" {
		return nil, Position{}, false
	}
	view := *l.view.Load()
	for _, s := range slices.Backward(view) {
		if at, ok := s.ids[id]; ok {
			frame, _ = wire.CutChunk(s.buf[at.start:at.end])
			return frame, s.position(at.end), true
		}
	}
	return nil, Position{}, false
}

// At returns the position of a frame boundary that is at or before the log's end; ok is
// false if it is no longer there. Only the appender may call it.
func (l *Log) At(off uint64) (at Position, ok bool) {
	view := *l.view.Load()
	i := sort.Search(len(view), func(i int) bool { return view[i].start.Off > off }) - 1
	if i < 0 {
		return Position{}, false
	}
	return view[i].position(uint32(off - view[i].start.Off)), true //nolint:gosec // see write
}

// position returns the position of a frame boundary, an offset in s.
func (s *segment) position(end uint32) Position {
	n := sort.Search(len(s.index), func(i int) bool { return s.index[i].end > end })
	m := s.count(n)
	m.Off = s.start.Off + uint64(end)
	return m
}

// After returns the position right after the last event that is not newer than seq.
func (s *segment) after(seq uint64) Position {
	return s.count(s.following(seq))
}

// count returns the position right after the first n events.
func (s *segment) count(n int) Position {
	m := s.start
	for _, e := range s.index[:n] {
		m = m.counting(int(e.service))
		m.Off, m.Seq = s.start.Off+uint64(e.end), s.base+uint64(e.seq)
	}
	return m
}
