package natsbroker

import (
	"context"
	"log/slog"
	"time"
)

const (
	// againPause is between two tries.
	againPause = 250 * time.Millisecond
	// logPause is between two warnings of the same trouble.
	logPause = 10 * time.Second
)

// RetryLogger logs that a stream cannot be followed, and paces the tries. Its zero value
// is ready; it is not safe for concurrent use.
type RetryLogger struct {
	logged time.Time // zero: never
}

// Wait logs err, but not more often than every ten seconds, and waits for the next try,
// or until ctx ends.
func (r *RetryLogger) Wait(ctx context.Context, log *slog.Logger, stream string, err error) {
	if now := time.Now(); now.Sub(r.logged) >= logPause {
		r.logged = now
		log.WarnContext(ctx, "stream cannot be followed, trying again", slog.String("stream", stream), slog.Any("error", err))
	}
	Pause(ctx, againPause)
}

// Pause waits d, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
