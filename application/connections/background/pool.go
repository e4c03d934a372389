package background

import "time"

// idleTime is how long a goroutine waits for another function: much longer than it
// takes until the next connect when many clients reconnect, and short enough that idle
// goroutines do not stay.
const idleTime = 100 * time.Millisecond

// pool calls functions in goroutines that it reuses. Each connect of an external gateway
// needs one, and the stack of a new goroutine has to grow every time: the benchmark of
// this package measures what the reuse saves. It is safe for concurrent use, and its zero
// value is not ready.
type pool struct {
	jobs chan func() // taken by any idle goroutine
	stop <-chan struct{}
}

// newPool returns a pool in which no goroutine waits any more once stop is closed.
func newPool(stop <-chan struct{}) pool { return pool{jobs: make(chan func()), stop: stop} }

// call calls f at once, in an idle goroutine or in a new one.
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
