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

const (
	// answerTime is for one request where the caller has set no limit of its own.
	answerTime = 5 * time.Second
	// reconnectWait is short: a cluster's servers take over from each other within
	// seconds, and events wait meanwhile.
	reconnectWait = 250 * time.Millisecond
	// pingInterval is how often a server is pinged. After two pings without an answer
	// the connection is made to another one: a cut network gives no error.
	pingInterval = 3 * time.Second
)

// ErrDisconnected says that the connection to NATS is lost. It is tried again without end.
var ErrDisconnected = errors.New("no connection to NATS")

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
	nc     *nats.Conn
	js     jetstream.JetStream
	cfg    Config
	log    *slog.Logger
	server *embedded // nil with Config.URL
	health *health

	away    fault // why the connection could not be made again
	written fault // what was wrong with the last write: ErrNoAnswer, ErrStorage
	looked  fault // what was wrong when Serve last looked

	unanswered bool // when Serve last looked; owned by Serve

	followers sync.WaitGroup // Follow's goroutines

	opened     opened
	unreadable *unreadable
	manifest   *manifest
	markers    markers
}

// Open starts the server if it is an embedded one, and connects; a NATS that is not
// there is tried until ctx ends. Errors: the folder is in use or cannot be written,
// or NATS cannot be reached.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (b *Broker, err error) {
	if cfg.Waiting == nil {
		cfg.Waiting = func(string) {}
	}
	b = &Broker{cfg: cfg, log: log, health: newHealth(), unreadable: newUnreadable(), manifest: &manifest{}}
	defer func() { //nolint:contextcheck // what is left behind is closed in a time of its own
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	options := b.options(log)
	if cfg.Dir != "" {
		if b.server, err = startServer(ctx, cfg, b.health, log); err != nil {
			return b, fmt.Errorf("start the embedded NATS server: %w", err)
		}
		options = append(options, nats.InProcessServer(b.server))
		if !cfg.InMemory {
			b.manifest = openManifest(cfg.Dir)
		}
	}
	b.nc, err = retryUntilAnswered(ctx, b, func(context.Context) (*nats.Conn, error) { return nats.Connect(cfg.URL, options...) })
	if err != nil {
		return b, fmt.Errorf("connect to NATS: %w", err)
	}
	b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(answerTime))
	return b, err
}

func (b *Broker) options(log *slog.Logger) []nats.Option {
	options := []nats.Option{
		nats.Name(b.cfg.Name),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		// Credentials may be refused for a moment: they are being exchanged, or the
		// service that judges them is away. Streams live on meanwhile.
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil: we closed it
				b.away.set(connectFault(err))
				log.Warn("connection to NATS was lost", slog.Any("error", err))
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.noteAway(err) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.away.set(nil)
			log.Info("connection to NATS is back")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(connectFault(err), ErrAuthorization) { // while connecting again
				b.noteAway(err)
				return
			}
			log.Warn("error from NATS", slog.Any("error", err))
		}),
	}
	if b.cfg.Creds != "" {
		options = append(options, nats.UserCredentials(b.cfg.Creds))
	}
	if b.cfg.CA != "" {
		options = append(options, nats.RootCAs(b.cfg.CA))
	}
	if b.cfg.Cert != "" {
		options = append(options, nats.ClientCert(b.cfg.Cert, b.cfg.Key))
	}
	return options
}

// Conn is the connection itself, for requests between nodes.
func (b *Broker) Conn() *nats.Conn { return b.nc }

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
	if !b.nc.IsConnected() {
		return errors.Join(ErrDisconnected, b.away.get())
	}
	return cmp.Or(b.checkRoom(0, readyRoom), b.looked.get(), b.written.get())
}

// Close closes the connection, and ends the embedded server once all is on disk.
// It may be called twice.
func (b *Broker) Close() error {
	if b.nc != nil {
		if b.js != nil && b.manifest.path != "" && !b.nc.IsClosed() {
			if err := b.record(context.Background(), true); err != nil {
				b.log.Warn("what the data folder holds could not be noted for the next start", slog.Any("error", err))
			}
		}
		b.nc.Close()
	}
	b.followers.Wait() // without a connection they end at once
	if b.server != nil {
		return b.server.stop()
	}
	return nil
}
