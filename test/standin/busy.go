package standin

import "sync"

// busy counts what is under way. In contrast to a sync.WaitGroup something may
// begin while a goroutine waits. Its zero value is idle.
type busy struct {
	mu   sync.Mutex
	n    int             // guarded by mu
	idle []chan struct{} // closed when n becomes 0; guarded by mu
}

// begin counts something until end is called.
func (b *busy) begin() (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.n--; b.n > 0 {
			return
		}
		for _, idle := range b.idle {
			close(idle)
		}
		b.idle = nil
	}
}

// wait returns when nothing is under way.
func (b *busy) wait() {
	b.mu.Lock()
	idle := make(chan struct{})
	if b.n == 0 {
		close(idle)
	} else {
		b.idle = append(b.idle, idle)
	}
	b.mu.Unlock()
	<-idle
}

// goes runs f in a goroutine and counts it.
func (b *busy) goes(f func()) {
	end := b.begin()
	go func() {
		defer end()
		f()
	}()
}
