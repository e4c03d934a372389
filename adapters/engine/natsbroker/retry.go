package natsbroker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// tryTime is for one try. A request that finds no leader may get no answer at
	// all, so a short wait and another try come to an answer sooner than a long wait.
	tryTime = 2 * time.Second
	// tryPause is between two tries.
	tryPause = 250 * time.Millisecond
)

// retryUntilAnswered calls f until NATS has answered it, or ctx ends: servers that start, or
// that have just lost one of them, have no leader for some seconds. Errors: those
// of f.
func retryUntilAnswered[T any](ctx context.Context, b *Broker, f func(context.Context) (T, error)) (T, error) {
	for tries := 1; ; tries++ {
		limited, cancel := context.WithTimeout(ctx, tryTime)
		result, err := f(limited)
		cancel()
		if !isTransient(err) {
			return result, err
		}
		if tries == 1 {
			b.log.WarnContext(ctx, "NATS is not ready yet, trying again", slog.Any("error", err))
		}
		if Pause(ctx, tryPause); ctx.Err() != nil {
			return result, err
		}
	}
}

// isTransient reports whether err may be another one, or none, a little later.
func isTransient(err error) bool {
	var network net.Error
	var answer jetstream.JetStreamError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrNoServers), errors.Is(err, io.EOF),
		errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse), errors.As(err, &network), codeOf(err) == codeNoPeers,
		errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, jetstream.ErrStreamNotFound): // it was just made, and not every server knows
		return true
	default:
		return errors.As(err, &answer) && answer.APIError() != nil && answer.APIError().Code == http.StatusServiceUnavailable
	}
}
