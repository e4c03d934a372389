package transport

import "sync"

// inbox holds the streams that a shard is to look at: new ones, those with private events,
// and those that are to be ended.
type inbox[S Stream] struct {
	mu     sync.Mutex
	list   []S  // each once; guarded by mu
	closed bool // guarded by mu

	spare []S // an empty list; owned by the shard's goroutine
}

// put adds s, unless it is there. It returns false once the inbox is closed. Any
// goroutine may call it.
func (in *inbox[S]) put(s S) bool {
	socket := s.Socket()
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	if !socket.listed {
		socket.listed = true
		in.list = append(in.list, s)
	}
	return true
}

// take removes all streams and calls look with each.
func (in *inbox[S]) take(look func(S)) {
	in.mu.Lock()
	list := in.list
	in.list = in.spare
	for _, s := range list {
		s.Socket().listed = false
	}
	in.mu.Unlock()
	for _, s := range list {
		look(s)
	}
	clear(list)
	in.spare = list[:0]
}

// close makes put take nothing more.
func (in *inbox[S]) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
}
