package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// startTime is for reading back what the folder holds.
	startTime = 30 * time.Second
	// lockTime is how long another process may go on having the folder before that
	// is an error.
	lockTime = 2 * time.Second
	// lockPause is between two tries.
	lockPause = 20 * time.Millisecond
	// syncInterval is how much of the newest a loss of power may cost; a crash of
	// the process costs nothing. JetStream's own default is two minutes.
	syncInterval = time.Second
	// maxPayload bounds what one record may hold: above all a task's result.
	maxPayload = 8 << 20
)

// errNotReady: the server took too long to start.
var errNotReady = errors.New("not ready in time")

// embedded is a NATS server in this process, for this process alone. It is safe
// for concurrent use.
type embedded struct {
	dir, name string
	log       *slog.Logger
	health    *health
	unlock    func() error
	once      sync.Once

	mu     sync.Mutex
	server *server.Server // another one after each renew; guarded by mu
}

// startServer returns a server that is ready. It holds the lock of dir.
func startServer(ctx context.Context, dir, name string, h *health, log *slog.Logger) (*embedded, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lockWithin(ctx, filepath.Join(dir, "lock"), log)
	if err != nil {
		return nil, fmt.Errorf("%s is in use by another process: %w", dir, err)
	}
	e := &embedded{dir: dir, name: name, log: log, health: h, unlock: unlock}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return e, nil
}

// lockWithin is lock, tried again for up to lockTime: a process that was killed
// right before can leave the lock, for some milliseconds, to a command that it was
// just starting.
func lockWithin(ctx context.Context, path string, log *slog.Logger) (unlock func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	for tries := 1; ; tries++ {
		if unlock, err = lock(path); err == nil {
			return unlock, nil
		}
		if tries == 1 {
			log.DebugContext(ctx, "data folder is in use by another process, trying again", slog.Any("error", err))
		}
		if Pause(ctx, lockPause); ctx.Err() != nil {
			return nil, err
		}
	}
}

// start starts a server, and returns when it is ready.
func (e *embedded) start(ctx context.Context) error {
	s, err := server.NewServer(&server.Options{
		ServerName: e.name, DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: e.dir, SyncInterval: syncInterval, MaxPayload: maxPayload,
	})
	if err != nil {
		return err
	}
	s.SetLoggerV2(serverLog{e.log, e.health}, false, false, false)
	e.mu.Lock()
	e.server = s
	e.mu.Unlock()
	go s.Start() // until Shutdown; stop waits for it
	if !s.ReadyForConnections(within(ctx, startTime)) {
		return errNotReady
	}
	return nil
}

// InProcessConn implements nats.InProcessConnProvider.
func (e *embedded) InProcessConn() (net.Conn, error) { return e.current().InProcessConn() }

// current is the server, or nil if none could be made.
func (e *embedded) current() *server.Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.server
}

// renew ends the server and starts another one, whose health counts from then on.
func (e *embedded) renew(ctx context.Context) error {
	e.shutDown()
	e.health.reset()
	err := e.start(ctx)
	if err != nil {
		e.health.fail(fmt.Errorf("%w: %w", ErrDisk, err))
	}
	return err
}

func (e *embedded) shutDown() {
	if s := e.current(); s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
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
		e.shutDown()
		err = e.unlock()
	})
	return err
}
