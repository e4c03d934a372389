package lifecycle

import "sync"

// Latch passes once, and stays so. It is safe for concurrent use.
type Latch struct {
	// C is closed when the latch has passed.
	C    <-chan struct{}
	Pass func() // may be called again
}

// NewLatch returns one that has not passed.
func NewLatch() Latch {
	c := make(chan struct{})
	return Latch{C: c, Pass: sync.OnceFunc(func() { close(c) })}
}

// Passed reports whether the latch has passed.
func (l Latch) Passed() bool {
	select {
	case <-l.C:
		return true
	default:
		return false
	}
}
