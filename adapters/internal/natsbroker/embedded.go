package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// startTime is for reading back what the folder holds.
	startTime = 30 * time.Second
	// syncInterval is how much of the newest a loss of power may cost; a crash of
	// the process costs nothing. JetStream's own default is two minutes.
	syncInterval = time.Second
	// maxPayload bounds what one record may hold: above all a task's result.
	maxPayload = 8 << 20
)

// errNotReady: the server took too long to start.
var errNotReady = errors.New("not ready in time")

// embedded is a NATS server in this process, for this process alone.
type embedded struct {
	*server.Server

	unlock func() error
	once   sync.Once
}

// startServer returns a server that is ready. It holds the lock of dir.
func startServer(ctx context.Context, dir, name string, log *slog.Logger) (*embedded, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("%s is in use by another process: %w", dir, err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: name, DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: dir, SyncInterval: syncInterval, MaxPayload: maxPayload,
	})
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	s.SetLoggerV2(serverLog{log}, false, false, false)
	e := &embedded{Server: s, unlock: unlock}
	go s.Start() // until Shutdown; stop waits for it
	if !s.ReadyForConnections(within(ctx, startTime)) {
		return nil, errors.Join(errNotReady, e.stop())
	}
	return e, nil
}

// within is limit, or what ctx leaves of it.
func within(ctx context.Context, limit time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(limit, time.Until(deadline))
	}
	return limit
}

// stop may be called twice.
func (e *embedded) stop() (err error) {
	e.once.Do(func() {
		e.Shutdown()
		e.WaitForShutdown()
		err = e.unlock()
	})
	return err
}

// serverLog is what a NATS server logs to. Its notices are for the operators of
// a server of its own, and ours is a part of a service.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) { l.log.Debug("nats server", said(format, v)) }
func (l serverLog) Warnf(format string, v ...any)   { l.log.Warn("nats server", said(format, v)) }
func (l serverLog) Errorf(format string, v ...any)  { l.log.Error("nats server", said(format, v)) }
func (l serverLog) Fatalf(format string, v ...any)  { l.log.Error("nats server", said(format, v)) }
func (l serverLog) Debugf(string, ...any)           {}
func (l serverLog) Tracef(string, ...any)           {}

func said(format string, v []any) slog.Attr { return slog.String("said", fmt.Sprintf(format, v...)) }
