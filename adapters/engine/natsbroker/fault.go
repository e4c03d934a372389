package natsbroker

import "sync"

// fault is what is wrong now, or nil. It is safe for concurrent use, and its zero
// value is nil.
type fault struct {
	mu  sync.Mutex
	err error // guarded by mu
}

func (f *fault) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fault) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
