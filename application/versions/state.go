package versions

import (
	"context"
	"sync"

	"heliograph/domain/event"
	"heliograph/domain/version"
)

// State holds the versions that this node has learned. The current version comes only
// from the log, and before the streams of this node get the same event: so a stream that
// is sent the current version is never sent one that is older than what it got from the
// log (rule V1), and all nodes agree. It is safe for concurrent use.
type State struct {
	restored chan struct{} // closed by the first restore

	mu      sync.RWMutex
	ballot  ballot          // guarded by mu
	current version.Logged  // what rule V1 sends; guarded by mu
	source  version.Logged  // what the source named last; guarded by mu
	logged  uint64          // how often the log has named the current version; guarded by mu
	changes uint64          // version events so far, and writes of pending versions; guarded by mu
	newest  event.ID        // position of the newest version event; guarded by mu
	grown   chan struct{}   // closed when newest changes; guarded by mu
	live    bool            // restore was called; guarded by mu
	sending version.Version // the source's version that this node is broadcasting; guarded by mu
}

// NewState returns a State without any version.
func NewState() *State { return &State{restored: make(chan struct{}), grown: make(chan struct{})} }

// Receiver returns a receiver of log events that hands them to s, and then to next.
func (s *State) Receiver(next event.Receiver) event.Receiver { return receiver{state: s, next: next} }

type receiver struct {
	state *State
	next  event.Receiver
}

// Receive implements event.Receiver.
func (r receiver) Receive(ctx context.Context, rec event.Record) {
	if rec.Event.Name == version.EventName {
		r.state.applyLogged(rec)
	}
	r.next.Receive(ctx, rec)
}

// applyLogged applies a version event of any node. One that was logged before the
// restore does not count against the source's first answer (rule V8): it belongs to an
// earlier run.
func (s *State) applyLogged(rec event.Record) {
	v, err := version.Parse(rec.Event.Data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.newest = rec.ID
	close(s.grown)
	s.grown = make(chan struct{})
	topic := rec.Event.Topic
	if err != nil || topic != version.SourceTopic && topic != version.AnnouncedTopic {
		return
	}
	logged := version.Logged{Version: v, At: rec.ID}
	if !logged.Before(s.current) {
		s.current = logged
		s.logged++
	}
	if topic == version.SourceTopic && !logged.Before(s.source) {
		s.source = logged
		if s.live && !v.Same(s.sending) { // the source may have changed again since
			s.ballot.settled = v
		}
	}
}

// restore applies the board's versions, unless the log had newer ones.
func (s *State) restore(current, source version.Logged) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raise(&s.current, current)
	raise(&s.source, source)
	if !s.live {
		s.live = true
		close(s.restored)
	}
}

// raise makes v the slot's version if the slot is empty or has an older one.
func raise(slot *version.Logged, v version.Logged) {
	if slot.Version.IsZero() || slot.Before(v) {
		*slot = v
	}
}

// isRestored reports whether restore was called.
func (s *State) isRestored() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.live
}

// awaitRestored returns nil once restore was called. Errors: ctx.Err().
func (s *State) awaitRestored(ctx context.Context) error {
	select {
	case <-s.restored:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitApplied returns nil once a version event at id or after it was applied.
// Errors: ctx.Err().
func (s *State) awaitApplied(ctx context.Context, id event.ID) error {
	for {
		s.mu.RLock()
		newest, grown := s.newest, s.grown
		s.mu.RUnlock()
		if newest.Epoch == id.Epoch && newest.Seq >= id.Seq {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// count has the ballot take the source's answer if it is a fresh one.
func (s *State) count(answer version.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ballot.fresh(answer) {
		s.ballot.take(answer)
	}
}

// toBroadcast returns the source's version that counts and was not broadcast yet, or the
// zero Version. Before the restore it returns the zero Version too, because what was
// broadcast is unknown until then.
func (s *State) toBroadcast() version.Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.toBroadcastLocked()
}

func (s *State) toBroadcastLocked() version.Version {
	if settled := s.ballot.settled; s.live && !settled.Same(s.source.Version) {
		return settled
	}
	return version.Version{}
}

// beginBroadcast is toBroadcast for Serve, which broadcasts the returned version and then
// calls endBroadcast.
func (s *State) beginBroadcast() version.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = s.toBroadcastLocked()
	return s.sending
}

func (s *State) endBroadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = version.Version{}
}

// setSource records that v, the source's version, is in the log. It becomes the current
// version when this node receives it from the log: events before it may not have
// arrived yet.
func (s *State) setSource(v version.Logged) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raise(&s.source, v)
	if v.At.Epoch != s.source.At.Epoch {
		s.source = v // the log was started anew, its positions are not comparable
	}
}

// countChange records that a pending version was written, or may have been.
func (s *State) countChange() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
}

// view is a part of the state at one moment.
type view struct {
	current, source version.Logged
	latest          version.Version // the source's newest answer, counting or not
	logged, changes uint64          // as in State
}

func (s *State) view() view {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.viewLocked()
}

// ifUnchanged calls f with the view if its changes are those that are given, and
// reports whether it did. There is none while f runs.
func (s *State) ifUnchanged(changes uint64, f func(view) error) (called bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.changes != changes {
		return false, nil
	}
	return true, f(s.viewLocked())
}

func (s *State) viewLocked() view {
	return view{current: s.current, source: s.source, latest: s.ballot.latest.Version, logged: s.logged, changes: s.changes}
}
