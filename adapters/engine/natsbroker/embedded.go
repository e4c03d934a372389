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
	// readyTime is for a server that has read all that its folder holds, which may take
	// any time, to take connections.
	readyTime = 5 * time.Second
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
	// maxStore is no bound: the disk is one (checkRoom). JetStream's default is three
	// quarters of what is free at the start, for good.
	maxStore = 1 << 60
)

// errNotReady: the server has started, and takes no connection.
var errNotReady = errors.New("it takes no connection")

// embedded is a NATS server in this process, for this process alone. It is safe
// for concurrent use.
type embedded struct {
	dir, name string
	inMemory  bool // streams have no folders
	log       *slog.Logger
	health    *health
	locked    os.FileInfo // the file of the lock
	unlock    func() error
	once      sync.Once
	starting  sync.WaitGroup // Start of each server
	fatal     fault          // what a server said that could not start

	mu     sync.Mutex
	server *server.Server // another one after each renew; guarded by mu
}

// startServer returns a server that is ready. It holds the lock of cfg.Dir. On a
// full disk it waits for room until ctx ends.
func startServer(ctx context.Context, cfg Config, h *health, log *slog.Logger) (*embedded, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(cfg.Dir, lockFile)
	unlock, err := lockWithin(ctx, path, log)
	if err != nil {
		return nil, fmt.Errorf("%s is in use by another process: %w", cfg.Dir, err)
	}
	e := &embedded{dir: cfg.Dir, name: cfg.Name, inMemory: cfg.InMemory, log: log, health: h, unlock: unlock}
	e.locked, _ = os.Stat(path) // nil where there is no such file
	if err := e.startOnceThereIsRoom(ctx, cfg.Waiting); err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return e, nil
}

func (e *embedded) startOnceThereIsRoom(ctx context.Context, waiting func(why string)) error {
	for tries := 1; ; tries++ {
		full := canWrite(e.dir, startRoom)
		if full == nil {
			waiting("the files of the data folder to be read")
			err := e.start(ctx)
			if full = canWrite(e.dir, startRoom); err == nil || full == nil {
				return err
			}
			e.shutDown()
			e.health.reset()
		}
		if !isFull(full) {
			return full
		}
		waiting(fmt.Sprintf("there must be room on the disk of the data folder: %v", full))
		if tries == 1 {
			e.log.WarnContext(ctx, "disk of the data folder is full, waiting for room", slog.Any("error", full))
		}
		if Pause(ctx, roomInterval); ctx.Err() != nil {
			return fmt.Errorf("%w: %w: %w", ErrDisk, full, ctx.Err())
		}
	}
}

// lockFile is held by the process that uses the folder.
const lockFile = "lock"

// lacks reports whether the folder, or that of a stream in it, was deleted: what is
// written to files that are still open is lost.
func (e *embedded) lacks(stream string) bool {
	if e.locked == nil || e.inMemory {
		return false
	}
	lock, err := os.Stat(filepath.Join(e.dir, lockFile))
	if err != nil || !os.SameFile(lock, e.locked) {
		return true
	}
	_, err = os.Stat(filepath.Join(e.dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams", stream))
	return err != nil
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
		ServerName: Key(e.name), // it takes no spaces
		DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: e.dir, JetStreamMaxStore: maxStore, SyncInterval: syncInterval, MaxPayload: maxPayload,
	})
	if err != nil {
		return err
	}
	e.fatal.set(nil)
	s.SetLoggerV2(serverLog{e.log, e.health, &e.fatal}, false, false, false)
	e.mu.Lock()
	e.server = s
	e.mu.Unlock()
	started := make(chan struct{})
	e.starting.Go(func() { // it returns when all is read, for the server listens nowhere
		s.Start()
		close(started)
	})
	select {
	case <-started:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !s.ReadyForConnections(readyTime) {
		return errors.Join(errNotReady, e.fatal.get())
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
	e.starting.Wait()
}

// stop may be called twice.
func (e *embedded) stop() (err error) {
	e.once.Do(func() {
		e.shutDown()
		err = e.unlock()
	})
	return err
}
