package sse

import (
	"errors"
	"slices"
	"sort"
	"sync/atomic"

	"heliograph/domain/event"
)

// mark is a frame boundary in the log, and what lies before it.
type mark struct {
	off  uint64                      // bytes since the engine began
	seq  uint64                      // sequence of the last log event
	sent [len(event.Services)]uint64 // log events of each service since the engine began
}

// events is the number of log events before m since the engine began.
func (m mark) events() uint64 {
	var n uint64
	for _, s := range m.sent {
		n += s
	}
	return n
}

// errBehind says that a mark's bytes are no longer in the log.
var errBehind = errors.New("position is no longer in the log")

// log is the bounded record of encoded frames, each a chunk, cut into segments.
//
// One goroutine at a time appends and locates (under Engine.mu); any number
// reads meanwhile, without a lock: bytes before a segment's end never change
// again, the end is published after them, and a segment that is dropped is left
// to the collector, which frees it when its last reader is done. So memory is
// the limit plus what writes under way still hold.
type log struct {
	epoch       string
	limit       int // bytes of all segments together
	segmentSize int // bytes of one, unless a frame is larger
	held        int // bytes of all segments now
	view        atomic.Pointer[[]*segment]
}

// segment is a contiguous piece of the log. No frame crosses its end.
type segment struct {
	start mark
	buf   []byte
	end   atomic.Pointer[mark] // start of what is free in buf
	index []entry              // of its log events, in order; owned by the appender
	ids   map[string]span      // its frames with a backend's ID; nil if there are none; owned by the appender
}

// entry finds one log event: where its frame ends and whose it is.
type entry struct {
	seq     uint32 // less that of the segment's start
	end     uint32 // offset in the segment
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

func newLog(start event.ID, limit int) *log {
	l := &log{epoch: start.Epoch, limit: limit, segmentSize: min(max(limit/64, minSegment), maxSegment)}
	l.view.Store(&[]*segment{newSegment(mark{seq: start.Seq}, 0)})
	return l
}

func newSegment(start mark, size int) *segment {
	s := &segment{start: start, buf: make([]byte, size)}
	s.end.Store(&start)
	return s
}

// head is the end of the log.
func (l *log) head() mark {
	view := *l.view.Load()
	return *view[len(view)-1].end.Load()
}

// tail is the oldest place that can be read from.
func (l *log) tail() mark { return (*l.view.Load())[0].start }

// appendEvent adds the frame of log event id, of at most size bytes, which
// encode appends to what it is given.
func (l *log) appendEvent(seq uint64, service int, size int, encode func([]byte) []byte) {
	s := l.room(size + chunkOverhead)
	m := *s.end.Load()
	m.off += s.write(m, encode)
	m.seq = seq
	m.sent[service]++
	s.index = append(s.index, entry{
		seq: uint32(seq - s.start.seq), end: uint32(m.off - s.start.off), service: uint8(service), //nolint:gosec // a segment is far smaller than 4 GiB
	})
	s.end.Store(&m)
}

// appendControl adds a frame that is no log event: a heartbeat or a ping.
func (l *log) appendControl(frame []byte) { l.appendFrame("", frame) }

// appendFrame adds a frame that is no log event of ours, and which find finds
// by a backend's id unless that is "".
func (l *log) appendFrame(id string, frame []byte) {
	s := l.room(len(frame) + chunkOverhead)
	m := *s.end.Load()
	start := m.off - s.start.off
	m.off += s.write(m, func(b []byte) []byte { return append(b, frame...) })
	if id != "" {
		s.remember(id, span{start: uint32(start), end: uint32(m.off - s.start.off)}) //nolint:gosec // see appendEvent
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
func (s *segment) write(m mark, encode func([]byte) []byte) uint64 {
	used := int(m.off - s.start.off) //nolint:gosec // a segment is far smaller than 4 GiB
	n := len(appendChunk(s.buf[used:used:len(s.buf)], encode))
	if used+n > len(s.buf) {
		panic("sse: a frame is longer than frameSize said")
	}
	return uint64(n)
}

// room returns the last segment if it has size bytes left, or begins a new one
// and drops old ones to make place for it.
func (l *log) room(size int) *segment {
	view := *l.view.Load()
	last := view[len(view)-1]
	end := *last.end.Load()
	if free := len(last.buf) - int(end.off-last.start.off); size <= free { //nolint:gosec // see write
		return last
	}
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

// read returns the bytes from offset off, a frame boundary, to the end of their
// segment, and the mark where they end; no bytes if there are none yet. The
// caller must not change them. Errors: errBehind.
func (l *log) read(off uint64) ([]byte, mark, error) {
	view := *l.view.Load()
	i := len(view) - 1
	if off < view[i].start.off { // only who lags is not in the last one
		i = sort.Search(len(view), func(i int) bool { return view[i].start.off > off }) - 1
	}
	if i < 0 {
		return nil, mark{}, errBehind
	}
	s := view[i]
	end := s.end.Load()
	return s.buf[off-s.start.off : end.off-s.start.off], *end, nil
}

// after returns the place right after log event seq, which must not be newer
// than head; errBehind if events after it are no longer there.
func (l *log) after(seq uint64) (mark, error) {
	view := *l.view.Load()
	if seq < view[0].start.seq {
		return mark{}, errBehind
	}
	// The last segment that begins at or before seq has it, or begins right after it.
	i := sort.Search(len(view), func(i int) bool { return view[i].start.seq > seq }) - 1
	return view[i].after(seq), nil
}

// find returns the frame, without its chunk, that was appended under a backend's id, and the place
// right after it. Only the appender may call it.
func (l *log) find(id string) (frame []byte, after mark, ok bool) {
	if id == "" {
		return nil, mark{}, false
	}
	view := *l.view.Load()
	for _, s := range slices.Backward(view) {
		if at, ok := s.ids[id]; ok {
			frame, _ = cutChunk(s.buf[at.start:at.end])
			return frame, s.place(at.end), true
		}
	}
	return nil, mark{}, false
}

// place is the mark of a frame boundary, an offset in s.
func (s *segment) place(end uint32) mark {
	n := sort.Search(len(s.index), func(i int) bool { return s.index[i].end > end })
	m := s.count(n)
	m.off = s.start.off + uint64(end)
	return m
}

// after is the place right after the last event that is not newer than seq.
func (s *segment) after(seq uint64) mark {
	n := sort.Search(len(s.index), func(i int) bool { return s.start.seq+uint64(s.index[i].seq) > seq })
	return s.count(n)
}

// count is the place right after the first n events.
func (s *segment) count(n int) mark {
	m := s.start
	for _, e := range s.index[:n] {
		m.sent[e.service]++
		m.off, m.seq = s.start.off+uint64(e.end), s.start.seq+uint64(e.seq)
	}
	return m
}
