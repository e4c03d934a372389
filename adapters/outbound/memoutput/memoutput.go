// Package memoutput implements output.Store in memory.
package memoutput

import (
	"bytes"
	"container/list"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"heliograph/domain/output"
	"heliograph/domain/task"
)

// Config bounds a Store.
type Config struct {
	// Tail is how much of the end of each output is kept, in bytes; 0 is
	// output.DefaultTail.
	Tail int64
	// Total is what all outputs take together at most, in bytes; 0 is DefaultTotal. One
	// output always has room.
	Total int64
}

// DefaultTotal is room for a hundred outputs that are as large as they may be.
const DefaultTotal = 128 << 20

// Store keeps outputs until they are deleted, until others need their room, or until the
// process ends. It is safe for concurrent use, never waits, and does not look at contexts.
type Store struct {
	cfg Config
	log *slog.Logger

	mu       sync.Mutex
	outputs  map[task.ID]*buffer        // guarded by mu
	written  list.List                  // of *buffer: the one that was written last is at the front; guarded by mu
	size     int64                      // of all buffers; guarded by mu
	watchers map[task.ID]map[int]func() // guarded by mu
	watched  int                        // watchers so far: the name of the next; guarded by mu
}

var _ output.Store = (*Store)(nil)

// New returns an empty Store.
func New(cfg Config, log *slog.Logger) *Store {
	if cfg.Tail == 0 {
		cfg.Tail = output.DefaultTail
	}
	if cfg.Total == 0 {
		cfg.Total = max(DefaultTotal, 2*cfg.Tail)
	}
	return &Store{cfg: cfg, log: log, outputs: map[task.ID]*buffer{}, watchers: map[task.ID]map[int]func(){}}
}

// Length implements output.Store.
func (s *Store) Length(_ context.Context, id task.ID) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lengthLocked(id), nil
}

func (s *Store) lengthLocked(id task.ID) int64 {
	if b := s.outputs[id]; b != nil {
		return b.length
	}
	return 0
}

// Append implements output.Store.
func (s *Store) Append(ctx context.Context, id task.ID, offset int64, text []byte) (int64, error) {
	length, evicted, err := s.append(id, offset, text)
	for _, other := range evicted {
		s.log.WarnContext(ctx, "output of a task was dropped: all outputs together have reached their limit",
			slog.String("task_id", string(other)), slog.Int64("limit_bytes", s.cfg.Total))
	}
	return length, err
}

func (s *Store) append(id task.ID, offset int64, text []byte) (length int64, evicted []task.ID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if length := s.lengthLocked(id); offset != length {
		if b := s.outputs[id]; b != nil && b.has(offset, text) {
			return length, nil, nil
		}
		return 0, nil, &output.OffsetError{Length: length}
	}
	if len(text) == 0 {
		return offset, nil, nil
	}
	b := s.outputs[id]
	if b == nil {
		b = &buffer{id: id}
		b.place = s.written.PushFront(b)
		s.outputs[id] = b
	}
	s.written.MoveToFront(b.place)
	s.size += b.append(text, s.cfg.Tail)
	evicted = s.makeRoomLocked(b)
	for _, grown := range s.watchers[id] {
		grown()
	}
	return b.length, evicted, nil
}

// makeRoomLocked drops what the outputs hold that were not written for the longest time,
// but for that of newest. They stay as long as they were.
func (s *Store) makeRoomLocked(newest *buffer) (evicted []task.ID) {
	for place := s.written.Back(); s.size > s.cfg.Total && place != nil; place = place.Prev() {
		b, _ := place.Value.(*buffer) // the list has nothing else
		if b == newest || b.size == 0 {
			continue
		}
		s.size -= b.size
		b.blocks, b.size = nil, 0
		evicted = append(evicted, b.id)
	}
	return evicted
}

// Read implements output.Store.
func (s *Store) Read(_ context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	length := s.lengthLocked(id)
	if from > length {
		return output.Chunk{}, &output.OffsetError{Length: length}
	}
	chunk := output.Chunk{Piece: output.Piece{Offset: length}, Length: length}
	if b := s.outputs[id]; b != nil {
		chunk.Piece = b.read(output.WindowOf(length, s.cfg.Tail), from, limit)
	}
	return chunk, nil
}

// Watch implements output.Store.
func (s *Store) Watch(id task.ID, grown func()) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched++
	name := s.watched
	if s.watchers[id] == nil {
		s.watchers[id] = map[int]func(){}
	}
	s.watchers[id][name] = grown
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers[id], name)
		if len(s.watchers[id]) == 0 {
			delete(s.watchers, id)
		}
	}
}

// Delete implements output.Store.
func (s *Store) Delete(_ context.Context, id task.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.outputs[id]; b != nil {
		s.size -= b.size
		s.written.Remove(b.place)
		delete(s.outputs, id)
	}
	return nil
}

// IDs implements output.Store.
func (s *Store) IDs(context.Context) ([]task.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.outputs)), nil
}

// blockBytes is how large a block gets: what is between head and tail goes block by block.
const blockBytes = 64 << 10

// buffer is one output, in blocks in the order of their offsets. Bytes of a block are
// never changed, only added to: readers hold parts of them.
type buffer struct {
	id     task.ID
	blocks []output.Piece
	length int64
	size   int64 // of all blocks
	place  *list.Element
}

// append adds text, lets go what is neither head nor tail any more, and returns by how
// much the buffer has grown, which may be negative.
func (b *buffer) append(text []byte, tail int64) (grown int64) {
	before := b.size
	last := len(b.blocks) - 1
	if last < 0 || b.blocks[last].End() != b.length || len(b.blocks[last].Text)+len(text) > blockBytes {
		b.blocks = append(b.blocks, output.Piece{Offset: b.length})
		last++
	}
	b.blocks[last].Text = append(b.blocks[last].Text, text...)
	b.length += int64(len(text))
	b.size += int64(len(text))
	w := output.WindowOf(b.length, tail)
	b.blocks = slices.DeleteFunc(b.blocks, func(p output.Piece) bool {
		gone := p.Offset >= w.HeadEnd && p.End() <= w.TailStart
		if gone {
			b.size -= int64(len(p.Text))
		}
		return gone
	})
	return b.size - before
}

// at returns the number of the block that has the byte at an offset, or of the first one
// after it.
func (b *buffer) at(offset int64) int {
	n, _ := slices.BinarySearchFunc(b.blocks, offset, func(p output.Piece, offset int64) int {
		if p.End() <= offset {
			return -1
		}
		return 1
	})
	return n
}

// has reports whether text is in the output, at that offset.
func (b *buffer) has(offset int64, text []byte) bool {
	if len(text) == 0 || offset < 0 || offset+int64(len(text)) > b.length {
		return false
	}
	for n := b.at(offset); len(text) > 0; n++ {
		if n == len(b.blocks) || b.blocks[n].Offset > offset {
			return false
		}
		there := b.blocks[n].Text[offset-b.blocks[n].Offset:]
		size := min(len(there), len(text))
		if !bytes.Equal(there[:size], text[:size]) {
			return false
		}
		offset, text = offset+int64(size), text[size:]
	}
	return true
}

// read returns what a reader at from gets.
func (b *buffer) read(w output.Window, from int64, limit int) output.Piece {
	for n := b.at(from); n < len(b.blocks); n++ {
		p := w.Cut(b.blocks[n], from, limit)
		if len(p.Text) > 0 {
			return p
		}
		from = max(from, p.Offset)
		if next := b.at(w.Next(from)); next > n {
			n = next - 1
		}
	}
	return output.Piece{Offset: b.length}
}
