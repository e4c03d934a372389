package snapshots

import (
	"sync"
	"sync/atomic"
	"weak"
)

// newest holds the parts of the newest snapshot for as long as a stream reads from
// it.
type newest struct {
	parts  atomic.Pointer[[]part]
	series *series // is kept while a stream reads, so that its next snapshot gets here; or nil
}

// shelf is where the newest parts of one kind are, if a stream reads them. It is safe for
// concurrent use.
type shelf struct {
	mu     sync.Mutex
	newest weak.Pointer[newest] // nil if no stream reads; guarded by mu
}

// read reports whether a stream reads from it.
func (s *shelf) read() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest.Value() != nil
}

// replace makes parts those of the newest snapshot, for streams that read already, too.
// It returns the section that they are; nothing if there are none.
func (s *shelf) replace(parts []part, of *series) []section {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.newest.Value()
	if n == nil {
		if len(parts) == 0 {
			return nil
		}
		n = &newest{series: of}
		s.newest = weak.Make(n)
	}
	n.parts.Store(&parts)
	if len(parts) == 0 {
		return nil
	}
	return []section{{newest: n, end: parts[len(parts)-1].last}}
}
