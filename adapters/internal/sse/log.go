package sse

import (
	"errors"
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

// log is the bounded record of encoded frames, cut into segments.
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
}

// entry finds one log event: where its frame ends and whose it is.
type entry struct {
	seq     uint32 // less that of the segment's start
	end     uint32 // offset in the segment
	service uint8  // index in event.Services
}

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
	s := l.room(size)
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
func (l *log) appendControl(frame []byte) {
	s := l.room(len(frame))
	m := *s.end.Load()
	m.off += s.write(m, func(b []byte) []byte { return append(b, frame...) })
	s.end.Store(&m)
}

// write encodes into what is free after m and returns the number of bytes.
func (s *segment) write(m mark, encode func([]byte) []byte) uint64 {
	used := int(m.off - s.start.off) //nolint:gosec // a segment is far smaller than 4 GiB
	n := len(encode(s.buf[used:used:len(s.buf)]))
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

// after is the place right after the last event that is not newer than seq.
func (s *segment) after(seq uint64) mark {
	n := sort.Search(len(s.index), func(i int) bool { return s.start.seq+uint64(s.index[i].seq) > seq })
	m := s.start
	if n == 0 {
		return m
	}
	for _, e := range s.index[:n] {
		m.sent[e.service]++
	}
	last := s.index[n-1]
	m.off, m.seq = s.start.off+uint64(last.end), s.start.seq+uint64(last.seq)
	return m
}
