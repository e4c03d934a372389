package memregistry

import (
	"maps"
	"slices"
	"sync"
)

// shards is how many parts a table has: many more than cores, so that two rarely
// meet in one. BenchmarkParallel compares it with a single mutex.
const shards = 64

// shard is one part of a table.
type shard[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]V // guarded by mu
}

func (s *shard[K, V]) get(key K) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.entries[key]
	return v, ok
}

func (s *shard[K, V]) remove(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
}

func (s *shard[K, V]) appendTo(list []V) []V {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(list, maps.Values(s.entries))
}
