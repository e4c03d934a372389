package records

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/task"
)

// troubleInterval is the time between two warnings of a store that does not take
// changes: every task runs into it, again and again.
const troubleInterval = 10 * time.Second

// TroubleLog warns of a store that does not take changes, at once and then once per
// interval, however many tasks and tries there are. It is safe for concurrent use.
type TroubleLog struct {
	log *slog.Logger

	mu    sync.Mutex
	last  time.Time // of the last warning; guarded by mu
	quiet int       // warnings left out since; guarded by mu
}

// Warn warns of a change of a task that the store does not take now, and which is tried
// again: what says which.
func (l *TroubleLog) Warn(ctx context.Context, what string, id task.ID, err error) {
	l.warn(ctx, what, slog.String("task_id", string(id)), slog.Any("error", err))
}

// warn logs the message, or counts it for the next one.
func (l *TroubleLog) warn(ctx context.Context, message string, attrs ...slog.Attr) {
	quiet, due := l.due()
	if !due {
		return
	}
	if quiet > 0 {
		attrs = append(attrs, slog.Int("more_since_the_last", quiet))
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, message, attrs...) //nolint:sloglint // constants at the callers
}

// due reports whether to warn now, and how many warnings were left out before.
func (l *TroubleLog) due() (quiet int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && time.Since(l.last) < troubleInterval {
		l.quiet++
		return 0, false
	}
	quiet = l.quiet
	l.last, l.quiet = time.Now(), 0
	return quiet, true
}
