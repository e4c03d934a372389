package retention

import (
	"sync"

	"heliograph/domain/task"
)

// sweepTrigger counts the tasks that have ended since the last sweep, and wakes the
// cleaner when they are a tenth of what is kept: so what is kept stays bounded even
// when tasks end faster than its clock ticks. It is safe for concurrent use.
type sweepTrigger struct {
	full               chan struct{} // holds one signal when the cleaner should come
	maxCount, maxBytes int           // 0 is no limit

	mu           sync.Mutex
	count, bytes int // guarded by mu
}

func newSweepTrigger(r task.Retention) *sweepTrigger {
	return &sweepTrigger{full: make(chan struct{}, 1), maxCount: r.Count, maxBytes: r.Bytes}
}

func (t *sweepTrigger) add(ended task.Task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	t.bytes += ended.Size()
	if t.maxCount > 0 && t.count > t.maxCount/sweeps || t.maxBytes > 0 && t.bytes > t.maxBytes/sweeps {
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
}

func (t *sweepTrigger) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count, t.bytes = 0, 0
}
