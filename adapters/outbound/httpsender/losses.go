package httpsender

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

const (
	// maxLosses is how many losses are logged one by one in lossWindow: enough to
	// find a bad connection by, while a gateway that refuses everything would fill the
	// log with one line for each event and connection.
	maxLosses  = 20
	lossWindow = 10 * time.Second
)

// lossLog bounds what is logged of lost events. It is safe for concurrent use.
type lossLog struct {
	log *slog.Logger

	mu    sync.Mutex
	begun time.Time // of the window; guarded by mu
	taken int       // losses in the window; guarded by mu
}

// take reports whether one more loss is to be logged by itself. It counts it.
func (l *lossLog) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == 0 {
		l.begun = time.Now()
	}
	l.taken++
	return l.taken <= maxLosses
}

// tell tells the listener of a lost event, which logs it, unless too many were.
func (l *lossLog) tell(ctx context.Context, listener gateway.Listener, token connection.Token, err error) {
	if l.take() {
		listener.Failed(ctx, token, err)
	}
}

// report ends a window that is over, and says how many losses were not logged one by
// one.
func (l *lossLog) report(ctx context.Context) {
	l.mu.Lock()
	more := l.taken - maxLosses
	over := time.Since(l.begun) >= lossWindow
	if over {
		l.taken = 0
	}
	l.mu.Unlock()
	if over && more > 0 {
		l.log.WarnContext(ctx, "more events did not get through than are logged one by one", slog.Int("events", more))
	}
}
