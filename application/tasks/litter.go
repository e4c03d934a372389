package tasks

import (
	"sync"

	"heliograph/domain/task"
)

// litter is what has ended since the janitor came last: what is kept stays bounded
// even when tasks end faster than its clock ticks. It is safe for concurrent use.
type litter struct {
	full               chan struct{} // holds one signal when the janitor should come
	maxCount, maxBytes int           // 0 is no limit

	mu           sync.Mutex
	count, bytes int // guarded by mu
}

func newLitter(cfg Config) *litter {
	return &litter{full: make(chan struct{}, 1), maxCount: cfg.RetentionCount, maxBytes: cfg.RetentionBytes}
}

// add counts a task that has ended.
func (l *litter) add(t task.Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.bytes += t.Size()
	if l.maxCount > 0 && l.count > l.maxCount/sweeps || l.maxBytes > 0 && l.bytes > l.maxBytes/sweeps {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
}

func (l *litter) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count, l.bytes = 0, 0
}
