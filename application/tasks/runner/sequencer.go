package runner

import (
	"sync"
	"time"

	"heliograph/application/tasks/records"
	"heliograph/domain/task"
)

// sequencer numbers what happens in one attempt and keeps its newest progress
// until the pump takes it (rules T3, T4, E10). Reporting only takes a mutex:
// however slow the store, the broker or a browser is, the handler is not.
type sequencer struct {
	wake   chan struct{} // holds one signal while a note waits; closed by close
	over   chan struct{} // closed by close
	limits records.Limits

	mu     sync.Mutex
	newest records.Note // guarded by mu
	closed bool         // guarded by mu
}

var _ task.Reporter = (*sequencer)(nil)

// newSequencer goes on from the record of t.
func newSequencer(t task.Task, limits records.Limits) *sequencer {
	return &sequencer{
		wake: make(chan struct{}, 1), over: make(chan struct{}), limits: limits,
		newest: records.Note{Seq: t.Seq, Progress: t.Progress},
	}
}

// Report implements task.Reporter.
func (s *sequencer) Report(text string, value float64) {
	s.Update(task.Update{Text: &text, Value: &value})
}

// Text implements task.Reporter.
func (s *sequencer) Text(text string) { s.Update(task.Update{Text: &text}) }

// Value implements task.Reporter.
func (s *sequencer) Value(value float64) { s.Update(task.Update{Value: &value}) }

// Update implements task.Reporter. Every call that says something counts, also
// one that a newer one replaces before the pump gets to it: gaps tell a client
// that something was left out.
func (s *sequencer) Update(u task.Update) { s.report(u) }

// report is Update, and reports false when the attempt has ended.
func (s *sequencer) report(u task.Update) (goesOn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u = u.Usable(); !s.closed && u != (task.Update{}) {
		s.newest = records.Note{Seq: s.newest.Seq + 1, Progress: s.newest.Progress.With(s.limits.CutUpdate(u)), At: time.Now().UTC()}
		s.wakeLocked()
	}
	return !s.closed
}

func (s *sequencer) wakeLocked() {
	select {
	case s.wake <- struct{}{}:
	default: // the signal that is there already will bring the pump here
	}
}

// take returns the newest records.Note. It waits no longer.
func (s *sequencer) take() records.Note {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.wake: // a signal that came after the pump set out
	default:
	}
	return s.newest
}

// again has a note that was taken wait once more. It reports false when the
// attempt has ended.
func (s *sequencer) again() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wakeLocked()
	}
	return !s.closed
}

// pause returns after d, or when the sequencer is closed.
func (s *sequencer) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-s.over:
	}
}

// close makes every later report do nothing and returns the last number that
// was given. The pump still gets the progress that waits, at once.
func (s *sequencer) close() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.over)
	close(s.wake)
	return s.newest.Seq
}
