package httpsender

import "sync"

// link is whether the gateway can be reached, and what it can. It is safe for
// concurrent use.
type link struct {
	mu      sync.Mutex
	up      bool          // only then anything leaves; guarded by mu
	down    bool          // the gateway was looked for, and cannot be reached; guarded by mu
	can     capabilities  // guarded by mu
	changed chan struct{} // guarded by mu
}

func newLink() *link { return &link{changed: make(chan struct{})} }

// connected says that the gateway answers, and what it can. It reports whether it could
// not be reached before.
func (l *link) connected(can capabilities) (news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	news = !l.up
	l.up, l.down, l.can = true, false, can
	return news
}

// disconnected says that the gateway cannot be reached.
func (l *link) disconnected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.down = false, true
}

// withoutBroadcast says that the gateway takes no broadcasts any more.
func (l *link) withoutBroadcast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.can.Broadcast = false
}

// isUp reports whether the gateway can be reached.
func (l *link) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

// isDown reports whether the gateway was looked for in vain. At first it is neither up
// nor down.
func (l *link) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

// capabilities returns what the gateway can, as far as it is known.
func (l *link) capabilities() capabilities {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.can
}

// watch returns a channel that is closed by the next announce.
func (l *link) watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// announce wakes what waits for the gateway, or for it to have something.
func (l *link) announce() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}
