// Package link is a wire between two programs that can be cut, healed and made
// slow: a TCP proxy for tests of what happens when machines cannot reach each
// other.
//
// While it is cut nothing passes, neither bytes nor the news of an end, and both
// sides only find out by waiting, as with a broken network. What was under way
// arrives when it is healed, unless one of them has given up.
package link

import (
	"context"
	"net"
	"sync"
	"time"
)

// chunk is how much passes at a time, in bytes.
const chunk = 32 << 10

// Link carries the connections that come in at Addr to a target. It is safe for
// concurrent use; Close ends it.
type Link struct {
	listener net.Listener
	target   string
	ctx      context.Context //nolint:containedctx // the Link's own life, as its listener is
	end      context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	whole chan struct{}         // closed while the link is not cut; guarded by mu
	delay time.Duration         // of each chunk; guarded by mu
	open  map[net.Conn]struct{} // both ends of each connection; guarded by mu
}

// New returns a link to target, a host:port, that is whole and fast. Errors: those
// of listening.
func New(ctx context.Context, target string) (*Link, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{listener: listener, target: target, whole: make(chan struct{}), open: map[net.Conn]struct{}{}}
	close(l.whole)
	l.ctx, l.end = context.WithCancel(context.WithoutCancel(ctx))
	l.running.Go(l.serve)
	return l, nil
}

// Addr is the near end, host:port.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Cut stops everything until Heal.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isWhole() {
		l.whole = make(chan struct{})
	}
}

// Heal undoes Cut.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isWhole() {
		close(l.whole)
	}
}

// isWhole needs mu.
func (l *Link) isWhole() bool {
	select {
	case <-l.whole:
		return true
	default:
		return false
	}
}

// Slow has each chunk take that much longer; 0 is as fast as it goes.
func (l *Link) Slow(delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = delay
}

// Break resets all connections, in the middle of anything. New ones are carried.
func (l *Link) Break() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// Close ends the link with all its connections, and returns when it has ended.
func (l *Link) Close() {
	l.end()
	_ = l.listener.Close()
	l.Break()
	l.running.Wait()
}

func (l *Link) serve() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.carry(conn) })
	}
}

// carry connects near with the target, once that can be reached, until either of
// them ends.
func (l *Link) carry(near net.Conn) {
	if !l.add(near) {
		return
	}
	defer l.drop(near)
	if !l.wait() {
		return
	}
	far, err := (&net.Dialer{}).DialContext(l.ctx, "tcp", l.target)
	if err != nil || !l.add(far) {
		return
	}
	defer l.drop(far)
	var back sync.WaitGroup
	back.Go(func() { l.pump(near, far) })
	l.pump(far, near)
	back.Wait()
}

// pump moves what src says to dst. The end of one passes as the end of both, like
// everything else only while the link is whole.
func (l *Link) pump(dst, src net.Conn) {
	defer func() { _, _ = dst.Close(), src.Close() }()
	for buf := make([]byte, chunk); ; {
		n, err := src.Read(buf)
		if !l.wait() {
			return
		}
		if _, failed := dst.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

// wait returns when something may pass, or with false when the link has ended.
func (l *Link) wait() bool {
	l.mu.Lock()
	delay := l.delay
	l.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.ctx.Done():
		}
	}
	l.mu.Lock()
	whole := l.whole
	l.mu.Unlock()
	select {
	case <-whole:
	case <-l.ctx.Done():
	}
	return l.ctx.Err() == nil
}

func (l *Link) add(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		_ = conn.Close()
		return false
	}
	l.open[conn] = struct{}{}
	return true
}

func (l *Link) drop(conn net.Conn) {
	_ = conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}
