package records

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

const (
	// settlePause is how long ends are gathered before the store is told of them.
	settlePause = 100 * time.Millisecond
	// doubtLooks is in how many looks through the store an end is looked for whose record
	// it may have taken: that was some seconds ago then.
	doubtLooks = 3
)

// unpublishedEnds knows which ends of tasks this node has recorded, but not published
// yet, and has the store settle all others, many at a time (task.Store.Settle). It is
// safe for concurrent use.
type unpublishedEnds struct {
	store   task.Store
	self    cluster.Life
	life    *lifecycle.Lifecycle
	trouble *TroubleLog

	mu       sync.Mutex
	top      uint64            // the highest revision of a record that has its end; guarded by mu
	open     map[*end]struct{} // what is being recorded or published; guarded by mu
	byTask   map[task.ID]*end  // those of open that are recorded, or may be; guarded by mu
	settled  uint64            // the store was told; guarded by mu
	settling bool              // a goroutine tells it; guarded by mu
}

// end is one that is being recorded or published.
type end struct {
	// above is lower than the revision that its record has, or will have: whatever the
	// store takes later gets a higher one.
	above uint64
	// left says that an Overseer is to publish it, if the store took it.
	left   bool
	missed int // looks in which it was not found
}

func newUnpublishedEnds(d Deps, trouble *TroubleLog) *unpublishedEnds {
	return &unpublishedEnds{store: d.Store, self: d.Nodes.Self(), life: d.Life, trouble: trouble, open: make(map[*end]struct{}), byTask: make(map[task.ID]*end)}
}

// begin is called before the end of a task is recorded. tried must follow.
func (s *unpublishedEnds) begin() *end {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &end{above: s.top}
	s.open[e] = struct{}{}
	return e
}

// tried takes in what became of the record t of the task of that ID. If it has its
// end, published or left must follow.
func (s *unpublishedEnds) tried(e *end, id task.ID, t task.Task, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && t.FinalEventPending:
		e.above = t.Revision - 1
		s.top = max(s.top, t.Revision)
		s.byTask[id] = e
	case err == nil, Decided(err):
		s.closeLocked(e)
	default: // the store may have taken it
		e.left, s.byTask[id] = true, e
	}
}

// left says that the end of a task was recorded but not published.
func (s *unpublishedEnds) left(id task.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byTask[id]; e != nil {
		e.left = true
	}
}

// published says that the end of a task was published, or need not be.
func (s *unpublishedEnds) published(id task.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byTask[id]; e != nil {
		delete(s.byTask, id)
		s.closeLocked(e)
	}
}

func (s *unpublishedEnds) closeLocked(e *end) {
	delete(s.open, e)
	if !s.settling && s.newestLocked() > s.settled {
		s.settling = true
		s.life.Go(s.settle)
	}
}

// holds reports whether the end of a task was left, or is being recorded or published.
func (s *unpublishedEnds) holds(id task.ID) (held, left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byTask[id]
	return e != nil, e != nil && e.left
}

// forget closes the ends that were left and are not there any more: they were not
// recorded, or another node has published them. pending is those that the store has.
func (s *unpublishedEnds) forget(pending map[task.ID]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.byTask {
		if !e.left || pending[id] {
			continue
		}
		if e.missed++; e.missed == doubtLooks {
			delete(s.byTask, id)
			s.closeLocked(e)
		}
	}
}

// newestLocked returns the revision up to which all ends are published.
func (s *unpublishedEnds) newestLocked() uint64 {
	newest := s.top
	for e := range s.open {
		newest = min(newest, e.above)
	}
	return newest
}

// settle tells the store until it knows all, or the service has ended: then the next
// life of the node publishes some ends again, which the broker knows.
func (s *unpublishedEnds) settle() {
	ctx := s.life.Context()
	for misses := 0; ctx.Err() == nil; {
		s.pause(ctx, misses)
		revision, due := s.due()
		if !due {
			return
		}
		if err := s.store.Settle(ctx, s.self, revision); err != nil {
			s.trouble.warn(ctx, "published ends of tasks could not be recorded yet", slog.Any("error", err))
			misses++
			continue
		}
		misses = 0
		s.told(revision)
	}
}

// pause gathers ends, if there is time.
func (s *unpublishedEnds) pause(ctx context.Context, misses int) {
	d, hurry := settlePause, s.life.Refusing.C
	if misses > 0 {
		d, hurry = PauseAfter(misses-1), nil
	}
	select {
	case <-time.After(d):
	case <-hurry:
	case <-ctx.Done():
	}
}

// due returns what the store is to be told; if it knows all, settle ends.
func (s *unpublishedEnds) due() (revision uint64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	revision = s.newestLocked()
	s.settling = revision > s.settled
	return revision, s.settling
}

func (s *unpublishedEnds) told(revision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = revision
}
