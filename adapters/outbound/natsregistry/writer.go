package natsregistry

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

const (
	// putTime bounds a Put, tries and all: a browser or a gateway that waits for the
	// answer gives up after five seconds.
	putTime = 4 * time.Second
	// tryTime is for one of its tries: a request that finds no leader gets no answer.
	tryTime = 1500 * time.Millisecond
	// putPause is between two tries.
	putPause = 100 * time.Millisecond
)

// writer records connections, with retries, and logs when that begins to fail and
// when it works again. It is safe for concurrent use.
type writer struct {
	records *records
	index   *tokenIndex
	log     *slog.Logger
	failing atomic.Bool // the last put that came to an end failed
}

// put makes c the record of its request_id, in several tries if need be, and returns
// what was there before, unless that was c, and the record's revision. Errors:
// connection.ErrTokenTaken, connection.ErrRequestIDTaken, connection.ErrUnavailable.
func (w *writer) put(ctx context.Context, c connection.Connection) (before connection.Connection, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	for {
		was, revision, err := w.try(ctx, c)
		if was.Token != "" {
			before = was
		}
		if err == nil || errors.Is(err, connection.ErrTokenTaken) || errors.Is(err, connection.ErrRequestIDTaken) {
			if w.failing.CompareAndSwap(true, false) {
				w.log.InfoContext(ctx, "connections are recorded again")
			}
			return before, revision, err
		}
		if natsbroker.Pause(ctx, putPause); ctx.Err() != nil {
			w.logFailure(ctx, err)
			return before, 0, unavailable(err)
		}
	}
}

// try is one try of put.
func (w *writer) try(ctx context.Context, c connection.Connection) (before connection.Connection, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	before, revision, err = w.putIf(ctx, c, func(now connection.Connection) bool {
		return c.MayReplace(now, time.Now()) || w.index.own.ended(now)
	})
	if err == nil && revision == 0 {
		return connection.Connection{}, 0, connection.ErrRequestIDTaken
	}
	return before, revision, err
}

// putIf makes c the record of its request_id if it may take the place of what is
// there, and returns that. The revision is 0 if it may not.
func (w *writer) putIf(ctx context.Context, c connection.Connection, may func(now connection.Connection) bool,
) (there connection.Connection, revision uint64, err error) {
	if err := w.index.claim(ctx, c); err != nil {
		return there, 0, err
	}
	_, there, revision, err = w.records.change(ctx, c.RequestID, func(now connection.Connection) (connection.Connection, bool) { return c, may(now) })
	return there, revision, err
}

// logFailure logs the first put of a series that fails.
func (w *writer) logFailure(ctx context.Context, err error) {
	if !errors.Is(ctx.Err(), context.Canceled) && !w.failing.Swap(true) { // else its client went away
		w.log.WarnContext(ctx, "connections cannot be recorded, their clients are sent away", slog.Any("error", err))
	}
}
