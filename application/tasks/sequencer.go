package tasks

import (
	"sync"
	"time"

	"heliograph/domain/task"
)

// sequencer numbers what happens in one attempt and keeps its newest progress
// until the pump takes it (rules T3, T4, E10). Reporting only takes a mutex:
// however slow the store, the broker or a browser is, the handler is not.
type sequencer struct {
	wake      chan struct{} // holds one signal while a note waits; closed by close
	over      chan struct{} // closed by close
	textLimit int

	mu     sync.Mutex
	newest note   // guarded by mu
	taken  uint64 // the number of the last note that was taken; guarded by mu
	closed bool   // guarded by mu
}

var _ task.Reporter = (*sequencer)(nil)

// note is one progress report.
type note struct {
	seq      uint64
	progress task.Progress
	at       time.Time
	until    time.Time // of the lease; zero in the pool
}

// newSequencer goes on from the record of t. Texts are cut to textLimit bytes.
func newSequencer(t task.Task, textLimit int) *sequencer {
	return &sequencer{
		wake: make(chan struct{}, 1), over: make(chan struct{}), textLimit: textLimit,
		newest: note{seq: t.Seq, progress: t.Progress, until: t.LeaseUntil}, taken: t.Seq,
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
func (s *sequencer) Update(u task.Update) {
	if u = u.Usable(); u != (task.Update{}) {
		s.change(func(n *note) { s.report(n, u) })
	}
}

// sign is Update by a worker outside, which renews its lease with it. u may say
// nothing. It reports false when the attempt has ended.
func (s *sequencer) sign(until time.Time, u task.Update) bool {
	u = u.Usable()
	return s.change(func(n *note) {
		n.until = until.UTC()
		if u != (task.Update{}) {
			s.report(n, u)
		}
	})
}

// report changes n by u, with the texts cut (rule E8).
func (s *sequencer) report(n *note, u task.Update) {
	if u.Text != nil {
		u.Text = new(cut(*u.Text, s.textLimit))
	}
	if u.Unit != nil {
		u.Unit = new(cut(*u.Unit, maxUnitBytes))
	}
	n.seq++
	n.at = time.Now().UTC()
	n.progress = n.progress.With(u)
}

// change changes the newest note and wakes the pump. It reports false when the
// attempt has ended.
func (s *sequencer) change(how func(*note)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	how(&s.newest)
	select {
	case s.wake <- struct{}{}:
	default: // the signal that is there already will bring the pump here
	}
	return true
}

// take returns the newest note, and whether it tells of progress that was not
// taken yet.
func (s *sequencer) take() (n note, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news, s.taken = s.newest.seq > s.taken, s.newest.seq
	return s.newest, news
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
	return s.newest.seq
}
