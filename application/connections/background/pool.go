package background

import "time"

// idleTime is how long a goroutine waits for another function: much longer than it
// takes until the next connect of a storm, and short enough to leave nothing behind.
const idleTime = 100 * time.Millisecond

// pool calls functions in goroutines that it uses again. An external gateway's connects
// take one each, and the stack of a new goroutine has to grow every time: the benchmark
// of this package says what that is worth. It is safe for concurrent use, and its zero
// value is not ready.
type pool struct {
	jobs chan func() // taken by any idle goroutine
	stop <-chan struct{}
}

// newPool returns a pool in which no goroutine waits any more once stop is closed.
func newPool(stop <-chan struct{}) pool { return pool{jobs: make(chan func()), stop: stop} }

// call has f called at once, by an idle goroutine or by a new one.
func (p pool) call(f func()) {
	select {
	case p.jobs <- f:
	default:
		go p.work(f)
	}
}

func (p pool) work(f func()) {
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for {
		f()
		idle.Reset(idleTime)
		select {
		case f = <-p.jobs:
		case <-idle.C:
			return
		case <-p.stop:
			return
		}
	}
}
