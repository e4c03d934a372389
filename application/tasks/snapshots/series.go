package snapshots

import (
	"context"
	"sync"

	"heliograph/domain/access"
)

// series makes the snapshots of a layer and all beneath it, one at a time.
//
// All calls that ask while one is made share the next: a snapshot that was read before
// the call is too old for it. A call that asks while none is made makes it.
//
// A stream that takes long to read a snapshot in many parts goes on in the newest
// one, which is as good for it as that it began with. So one snapshot is in memory,
// and one more while it is made, however many streams read and however slowly.
type series struct {
	o       *Observer
	layer   layer
	beneath *series // nil for the lowest

	turn chan struct{} // holds one token while a snapshot is made

	mu   sync.Mutex
	next *snapshot // not begun yet, or nil; guarded by mu
}

// snapshot is one reading of the store, which the calls that asked for it wait for.
type snapshot struct {
	done  chan struct{} // closed when the fields below are set
	state state
	err   error
}

func newSeries(o *Observer, viewer, rest access.Viewer, beneath *series) *series {
	return &series{o: o, layer: layer{viewer: viewer, beneath: rest}, beneath: beneath, turn: make(chan struct{}, 1)}
}

// read returns a snapshot of which no part shows a time before the call. Errors:
// those of task.Store, ctx.Err().
func (s *series) read(ctx context.Context) (state, error) {
	shared, first := s.join()
	if first {
		s.arrange(context.WithoutCancel(ctx), shared) // shared: no single caller may end it
	}
	select {
	case <-shared.done:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return state{}, err
	}
	return shared.state, shared.err
}

// join returns the snapshot that was not begun yet. The first call to
// have it must arrange it.
func (s *series) join() (next *snapshot, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		return s.next, false
	}
	s.next = &snapshot{done: make(chan struct{}), err: errUnmade}
	return s.next, true
}

// arrange makes shared, in a goroutine of its own if that has to wait.
func (s *series) arrange(ctx context.Context, shared *snapshot) {
	select {
	case s.turn <- struct{}{}:
		s.make(ctx, shared)
	default:
		go func() {
			s.turn <- struct{}{}
			s.make(ctx, shared)
		}()
	}
}

// make is called with the turn, and ends it.
func (s *series) make(ctx context.Context, shared *snapshot) {
	defer func() { // also if the store panics
		<-s.turn
		close(shared.done)
	}()
	s.mu.Lock()
	s.next = nil // a call from here on is too late for this one
	s.mu.Unlock()
	var beneath state
	if s.beneath != nil {
		if beneath, shared.err = s.beneath.read(ctx); shared.err != nil {
			return
		}
		shared.err = errUnmade
	}
	shared.state, shared.err = s.o.add(ctx, &s.layer, beneath, s)
}
