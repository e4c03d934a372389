package tasks

import (
	"math"
	"sync"
	"time"

	"heliograph/domain/task"
)

// sequencer numbers what happens in one attempt and keeps its newest progress
// until the pump takes it (rules T3, T4, E10). Reporting only takes a mutex:
// however slow the store, the broker or a browser is, the handler is not.
type sequencer struct {
	wake      chan struct{} // holds one signal while progress waits; closed by close
	textLimit int

	mu     sync.Mutex
	newest note // guarded by mu
	waits  bool // newest was not taken yet; guarded by mu
	closed bool // guarded by mu
}

var _ task.Reporter = (*sequencer)(nil)

// note is one progress report.
type note struct {
	seq      uint64
	progress task.Progress
	at       time.Time
}

// newSequencer goes on after seq. Texts are cut to textLimit bytes.
func newSequencer(seq uint64, textLimit int) *sequencer {
	return &sequencer{wake: make(chan struct{}, 1), textLimit: textLimit, newest: note{seq: seq}}
}

// Report implements task.Reporter.
func (s *sequencer) Report(text string, value float64) {
	s.report(func(p *task.Progress) {
		p.Text = cut(text, s.textLimit)
		p.Value = raise(p.Value, value)
	})
}

// Text implements task.Reporter.
func (s *sequencer) Text(text string) {
	s.report(func(p *task.Progress) { p.Text = cut(text, s.textLimit) })
}

// Value implements task.Reporter.
func (s *sequencer) Value(value float64) {
	if !math.IsNaN(value) {
		s.report(func(p *task.Progress) { p.Value = raise(p.Value, value) })
	}
}

// raise returns value within 0–1 and not below last, or last if it is NaN.
func raise(last, value float64) float64 {
	if math.IsNaN(value) {
		return last
	}
	return max(last, min(value, 1))
}

// report counts every call, also those that a newer one replaces before the
// pump gets to them: gaps tell a client that something was left out.
func (s *sequencer) report(change func(*task.Progress)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.newest.seq++
	s.newest.at = time.Now().UTC()
	change(&s.newest.progress)
	s.waits = true
	select {
	case s.wake <- struct{}{}:
	default: // the signal that is there already will bring the pump here
	}
}

// take returns the newest progress if it was not taken yet.
func (s *sequencer) take() (n note, waited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waited, s.waits = s.waits, false
	return s.newest, waited
}

// close makes every later report do nothing and returns the last number that
// was given. The pump still gets the progress that waits.
func (s *sequencer) close() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.wake)
	return s.newest.seq
}
