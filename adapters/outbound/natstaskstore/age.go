package natstaskstore

import (
	"sync"
	"time"

	"heliograph/domain/task"
)

// Age implements task.Store, by the server's clock.
func (s *Store) Age(t task.Task) time.Duration {
	now := s.reader.serverTime.now()
	s.replica.mu.RLock()
	defer s.replica.mu.RUnlock()
	return s.replica.tasks.Age(t, now)
}

// serverTime is what time it is by the server's clock, as it was given last, and what has
// passed since by this process's. It is safe for concurrent use.
type serverTime struct {
	mu    sync.Mutex
	given time.Time // guarded by mu
	since time.Time // when that was, by this process's clock; guarded by mu
}

// set says what time it is.
func (c *serverTime) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given, c.since = now, time.Now()
}

// raise says that it was that time a while ago.
func (c *serverTime) raise(past time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if past.After(c.nowLocked()) {
		c.given, c.since = past, time.Now()
	}
}

func (c *serverTime) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}

func (c *serverTime) nowLocked() time.Time { return c.given.Add(time.Since(c.since)) }
