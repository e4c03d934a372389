package natsoutput

import (
	"sync"

	"heliograph/domain/task"
)

// states remembers of some outputs where they ended when this node wrote last, and where
// readers were, so that an append or a read costs one request. All of it may be outdated,
// which is noticed. Its zero value is ready, and it is safe for concurrent use.
type states struct {
	mu      sync.Mutex
	ends    map[task.ID]state          // guarded by mu
	readers map[readerPlace]readerNext // guarded by mu
}

// maxStates bounds how many ends, and places, are remembered.
const maxStates = 4096

// readerPlace is an offset that a reader has come to; readerNext says where the text after
// it is: in the message of that sequence or one after it.
type (
	readerPlace struct {
		id     task.ID
		offset int64
	}
	readerNext uint64
)

func (s *states) get(id task.ID) (state, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.ends[id]
	return st, ok
}

func (s *states) put(id task.ID, st state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = bounded(s.ends)
	s.ends[id] = st
}

func (s *states) drop(id task.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ends, id)
}

// passed notes that a reader has come to an offset, which m has or ends at.
func (s *states) passed(id task.ID, offset int64, m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := readerNext(m.sequence)
	if offset == m.piece.End() {
		next++
	}
	s.readers = bounded(s.readers)
	s.readers[readerPlace{id, offset}] = next
}

func (s *states) after(id task.ID, offset int64) (sequence uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, ok := s.readers[readerPlace{id, offset}]
	return uint64(next), ok
}

// bounded returns m, or an empty map instead if it is full: what is needed is remembered
// anew.
func bounded[K comparable, V any](m map[K]V) map[K]V {
	if m == nil || len(m) >= maxStates {
		return make(map[K]V)
	}
	return m
}
