// Package natsbroker connects to NATS JetStream, either a server inside this
// process that keeps its files in one folder, or a cluster elsewhere, and holds
// what the adapters on it share: streams and buckets, names, following a stream.
package natsbroker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// answerTime is for one request where the caller has set no limit of its own.
const answerTime = 5 * time.Second

// ErrNoAnswer says that JetStream takes nothing now: it did not answer the last write,
// as while its servers have no leader.
var ErrNoAnswer = errors.New("NATS JetStream gives no answer")

// ErrStorage says that the servers refuse to store more.
var ErrStorage = errors.New("NATS has no storage left: the disk of a server, or the limit of its storage or of the account, is full")

// Config says where NATS is. Exactly one of Dir and URL must be set.
type Config struct {
	// Dir has a server started inside this process, which listens nowhere and keeps
	// its files there. No other process may use the folder at the same time.
	Dir string
	// URL is one or more servers to connect to, with commas between them.
	URL string
	// Creds is the path of a credentials file for URL; "" is none.
	Creds string
	// CA is the path of certificates that those of the servers at URL must be signed by,
	// in PEM; "" is the system's. Cert and Key are the paths of this side's certificate
	// and its key, in PEM; both or none. The files are read again at each connection.
	CA, Cert, Key string
	// Name is what the server calls this connection: the node's name.
	Name string
	// Waiting is called with what Open waits for, for people, again and again while it
	// does; nil is not called.
	Waiting func(why string)
	// InMemory keeps streams in the servers' memory, for tests.
	InMemory bool
}

// Broker is a connection to JetStream. It is safe for concurrent use.
type Broker struct {
	cfg    Config
	log    *slog.Logger
	conn   *connection
	js     jetstream.JetStream
	server *embedded // nil with Config.URL
	health *health
	room   *room

	written *fault // what was wrong with the last write: ErrNoAnswer, ErrStorage
	monitor *monitor

	followers sync.WaitGroup // Follow's goroutines
	feeds     *feeds

	opened     *opened
	unreadable *unreadable
	manifest   *manifest
	markers    *markers
}

// Open starts the server if it is an embedded one, and connects; a NATS that is not
// there is tried until ctx ends. Errors: the folder is in use or cannot be written,
// or NATS cannot be reached.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (b *Broker, err error) {
	if cfg.Waiting == nil {
		cfg.Waiting = func(string) {}
	}
	b = &Broker{
		cfg: cfg, log: log, conn: &connection{log: log}, health: newHealth(), written: &fault{},
		feeds: newFeeds(cfg.Dir != ""), room: &room{dir: cfg.Dir, begun: time.Now()}, opened: &opened{}, unreadable: newUnreadable(), manifest: &manifest{}, markers: &markers{},
	}
	defer func() { //nolint:contextcheck // what is left behind is closed in a time of its own
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if cfg.Dir != "" {
		if b.server, err = startServer(ctx, cfg, b.health, log); err != nil {
			return b, fmt.Errorf("start the embedded NATS server: %w", err)
		}
		if !cfg.InMemory {
			b.manifest = openManifest(cfg.Dir)
		}
	}
	_, err = retryUntilAnswered(ctx, b, func(context.Context) (struct{}, error) { return struct{}{}, b.conn.connect(cfg, b.server) })
	if err != nil {
		return b, fmt.Errorf("connect to NATS: %w", err)
	}
	if b.js, err = jetstream.New(b.conn.nc, jetstream.WithDefaultTimeout(answerTime)); err != nil {
		return b, err
	}
	b.monitor = &monitor{
		js: b.js, nc: b.conn.nc, server: b.server, health: b.health, written: b.written,
		opened: b.opened, manifest: b.manifest, markers: b.markers, log: log,
	}
	return b, nil
}

// Conn is the connection itself, for requests between nodes.
func (b *Broker) Conn() *nats.Conn { return b.conn.nc }

// Log is where the adapters on the broker log to that have no other place.
func (b *Broker) Log() *slog.Logger { return b.log }

// JetStream is its JetStream. Requests with a context that has no deadline are
// given up after five seconds.
func (b *Broker) JetStream() jetstream.JetStream { return b.js }

// Check returns nil if NATS can be used now, as far as the last writes and looks have
// shown. It sends no request. Errors: ErrDisconnected, ErrNoAnswer, ErrDisk, ErrStorage, ErrSealed,
// ErrLeaderUncertain, ErrFolderDeleted, ErrStreamDeleted.
func (b *Broker) Check() error {
	if err := context.Cause(b.health.state()); err != nil {
		return err
	}
	return cmp.Or(b.conn.check(), b.room.check(0, readyRoom), b.monitor.found.get(), b.written.get())
}

// Serve starts the embedded server anew each time that it could not write to its
// folder, once that takes something again, and looks whether all streams are still
// there. It returns nil when ctx ends. Errors: ErrStreamDeleted.
func (b *Broker) Serve(ctx context.Context) error { return b.monitor.serve(ctx) }

// Close closes the connection, and ends the embedded server once all is on disk.
// It may be called twice.
func (b *Broker) Close() error {
	if b.monitor != nil && b.manifest.path != "" && !b.conn.nc.IsClosed() {
		if err := b.monitor.recordStreams(context.Background()); err != nil {
			b.log.Warn("what the data folder holds could not be noted for the next start", slog.Any("error", err))
		}
	}
	if b.conn.nc != nil {
		b.conn.nc.Close()
	}
	b.feeds.shut()
	b.followers.Wait() // without a connection they end at once
	if b.server != nil {
		return b.server.stop()
	}
	return nil
}
