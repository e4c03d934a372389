package connections

import "time"

// idleTime is how long a goroutine of a crew waits for another function: much
// longer than it takes until the next connect of a storm, and short enough to
// leave nothing behind.
const idleTime = 100 * time.Millisecond

// crew calls functions in goroutines, which it uses again for the next ones:
// there is one for every connect of an external gateway, and the stack of a new
// goroutine has to grow each time. It is safe for concurrent use, and its zero
// value is not ready.
type crew struct {
	jobs chan func() // taken by whoever is idle
	stop <-chan struct{}
}

// newCrew returns a crew in which nobody idles any more once stop is closed.
func newCrew(stop <-chan struct{}) crew { return crew{jobs: make(chan func()), stop: stop} }

// call has f called at once, by somebody who is idle or by a new goroutine.
func (c crew) call(f func()) {
	select {
	case c.jobs <- f:
	default:
		go c.work(f)
	}
}

func (c crew) work(f func()) {
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for {
		f()
		idle.Reset(idleTime)
		select {
		case f = <-c.jobs:
		case <-idle.C:
			return
		case <-c.stop:
			return
		}
	}
}
