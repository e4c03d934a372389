package natsbroker

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// roomInterval is how often it is tried whether a folder takes something again.
const roomInterval = 2 * time.Second

// health is whether the embedded server writes. It is safe for concurrent use.
type health struct {
	mu   sync.Mutex
	good context.Context         //nolint:containedctx // ended while the server does not write; guarded by mu
	end  context.CancelCauseFunc // ends good; guarded by mu
}

func newHealth() *health {
	h := &health{}
	h.reset()
	return h
}

func (h *health) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.good, h.end = context.WithCancelCause(context.Background())
}

// fail says that nothing is written from now on.
func (h *health) fail(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end(why)
}

// state returns a context that has ended, or will, because nothing is written.
func (h *health) state() context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.good
}

// Serve starts the embedded server anew each time that it could not write to its
// folder, once that takes something again, and looks whether all streams are still
// there. It returns nil when ctx ends. Errors: ErrStreamDeleted.
func (b *Broker) Serve(ctx context.Context) error {
	looks := time.NewTicker(checkInterval)
	defer looks.Stop()
	var gone time.Time // since when a stream is; zero: none is
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.health.state().Done():
			b.heal(ctx)
		case <-looks.C:
			err := b.checkStreams(ctx)
			b.saveManifest(ctx, err)
			switch now := time.Now(); {
			case err == nil:
				gone = time.Time{}
			case gone.IsZero():
				gone = now
			case now.Sub(gone) >= goneTime:
				return err
			}
		}
	}
}

// saveManifest does so after a look, which has noted what the streams hold.
func (b *Broker) saveManifest(ctx context.Context, looked error) {
	if looked != nil || b.looked.get() != nil {
		return
	}
	if err := b.manifest.save(); err != nil {
		b.log.DebugContext(ctx, "what the data folder holds could not be noted", slog.Any("error", err))
	}
}

// heal returns when the server writes again, or ctx ends.
func (b *Broker) heal(ctx context.Context) {
	for ; ctx.Err() == nil; Pause(ctx, roomInterval) {
		if canWrite(b.cfg.Dir, startRoom) != nil {
			continue
		}
		b.written.set(ErrNoAnswer) // until the connection is one to the new server
		if err := b.server.renew(ctx); err != nil {
			b.log.WarnContext(ctx, "embedded NATS server could not be started anew yet", slog.Any("error", err))
			continue
		}
		b.awaitServer(ctx)
		b.log.InfoContext(ctx, "folder can be written to again, the embedded NATS server was started anew")
		return
	}
}

// awaitServer returns when the new server has answered, or ctx ends.
func (b *Broker) awaitServer(ctx context.Context) {
	for ; ctx.Err() == nil; Pause(ctx, reconnectWait) {
		limited, cancel := context.WithTimeout(ctx, tryTime)
		err := b.nc.FlushWithContext(limited)
		cancel()
		if err == nil {
			b.written.set(nil)
			return
		}
	}
}
