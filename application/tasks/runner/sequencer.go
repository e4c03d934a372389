package runner

import (
	"slices"
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
	hurry  chan struct{} // holds one while a note waits that is not to wait
	over   chan struct{} // closed by close
	limits records.Limits

	mu       sync.Mutex
	last     uint64        // the number given last; guarded by mu
	recorded uint64        // what has a number up to this was saved and published; guarded by mu
	progress task.Progress // guarded by mu
	reported records.Note  // of the newest progress; guarded by mu
	stop     records.Note  // that the attempt was asked to stop; guarded by mu
	closed   bool          // guarded by mu
}

var _ task.Reporter = (*sequencer)(nil)

// newSequencer goes on from the record of t.
func newSequencer(t task.Task, limits records.Limits) *sequencer {
	s := &sequencer{
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), over: make(chan struct{}), limits: limits,
		last: t.Seq, recorded: t.Seq, progress: t.Progress, stop: records.Note{Seq: t.CancelSeq},
	}
	if t.CancelSeq != 0 && t.CancelSeq == t.Seq { // recorded by a node that may not have published it
		s.recorded--
		s.askToStop(t.CancelSeq)
	}
	return s
}

// requestStop notes that the attempt was asked to stop, once.
func (s *sequencer) requestStop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.stop.Seq == 0 {
		s.last++
		s.askToStop(s.last)
	}
}

// askToStop has the request to stop go out with that number, whatever the pace.
func (s *sequencer) askToStop(seq uint64) {
	s.stop = records.Note{Type: task.EventCancelRequested, Seq: seq, At: time.Now().UTC()}
	s.hurry <- struct{}{} // once in its life
	s.wakeLocked()
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
		s.last++
		s.progress = s.progress.With(s.limits.CutUpdate(u))
		s.reported = records.Note{Type: task.EventProgress, Seq: s.last, At: time.Now().UTC()}
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

// take returns what waits. It waits no longer; saved is to say that it was saved.
func (s *sequencer) take() records.News {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.wake: // a signal that came after the pump set out
	default:
	}
	n := records.News{Progress: s.progress}
	for _, note := range []records.Note{s.reported, s.stop} {
		if note.Seq > s.recorded {
			n.Notes = append(n.Notes, note)
		}
	}
	if len(n.Notes) > 1 && s.stop.Seq < s.reported.Seq {
		slices.Reverse(n.Notes)
	}
	return n
}

// published returns the number up to which everything was saved and published.
func (s *sequencer) published() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recorded
}

// saved says that what has a number up to seq was saved and published.
func (s *sequencer) saved(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded = max(s.recorded, seq)
}

// again has notes that were taken wait once more. It reports false when the
// attempt has ended.
func (s *sequencer) again() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wakeLocked()
	}
	return !s.closed
}

// pause returns after d, or when the sequencer is closed, or something is not to wait.
func (s *sequencer) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-s.hurry:
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
	return s.last
}
