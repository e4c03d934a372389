package natsregistry

import (
	"hash/maphash"
	"sync"

	"heliograph/domain/connection"
)

// turns has those who change the record of one request_id wait for each other,
// so that the roster changes in the order in which the record did. Several
// request_ids share a mutex.
type turns struct {
	seed    maphash.Seed
	mutexes *[256]sync.Mutex
}

func newTurns() turns { return turns{seed: maphash.MakeSeed(), mutexes: new([256]sync.Mutex)} }

func (t turns) take(id connection.RequestID) (done func()) {
	mu := &t.mutexes[maphash.String(t.seed, string(id))%uint64(len(t.mutexes))]
	mu.Lock()
	return mu.Unlock
}
