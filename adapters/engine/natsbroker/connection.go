package natsbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// reconnectWait is short: a cluster's servers take over from each other within
	// seconds, and events wait meanwhile.
	reconnectWait = 250 * time.Millisecond
	// pingInterval is how often a server is pinged. After two pings without an answer
	// the connection is made to another one: a cut network gives no error.
	pingInterval = 3 * time.Second
)

// ErrDisconnected says that the connection to NATS is lost. It is tried again without end.
var ErrDisconnected = errors.New("no connection to NATS")

// ErrAuthorization says that NATS does not take this node's credentials.
var ErrAuthorization = errors.New("NATS refuses the authorization of this node: check NATS_CREDS, and the user in NATS_URL")

// connection is the connection to a server, which is made again without end. It is
// safe for concurrent use.
type connection struct {
	nc   *nats.Conn // nil before connect
	log  *slog.Logger
	away fault // why the connection could not be made again
}

// connect tries once. server is the embedded one, nil for those at cfg.URL.
func (c *connection) connect(cfg Config, server *embedded) error {
	options := c.options(cfg)
	if server != nil {
		options = append(options, nats.InProcessServer(server))
	}
	nc, err := nats.Connect(cfg.URL, options...)
	c.nc = nc
	return err
}

// check returns nil if the connection is there. Errors: ErrDisconnected.
func (c *connection) check() error {
	if !c.nc.IsConnected() {
		return errors.Join(ErrDisconnected, c.away.get())
	}
	return nil
}

func (c *connection) options(cfg Config) []nats.Option {
	options := []nats.Option{
		nats.Name(cfg.Name),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		// Credentials may be refused for a moment: they are being exchanged, or the
		// service that judges them is away. Streams live on meanwhile.
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil: we closed it
				c.away.set(connectFault(err))
				c.log.Warn("connection to NATS was lost", slog.Any("error", err))
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.noteAway(err) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			c.away.set(nil)
			c.log.Info("connection to NATS is back")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(connectFault(err), ErrAuthorization) { // while connecting again
				c.noteAway(err)
				return
			}
			c.log.Warn("error from NATS", slog.Any("error", err))
		}),
	}
	if cfg.Creds != "" {
		options = append(options, nats.UserCredentials(cfg.Creds))
	}
	if cfg.CA != "" {
		options = append(options, nats.RootCAs(cfg.CA))
	}
	if cfg.Cert != "" {
		options = append(options, nats.ClientCert(cfg.Cert, cfg.Key))
	}
	return options
}

// noteAway keeps why the connection cannot be made again, and logs it when that is
// another reason than before.
func (c *connection) noteAway(err error) {
	err = connectFault(err)
	if before := c.away.get(); before == nil || before.Error() != err.Error() {
		c.log.Warn("NATS cannot be reached yet, trying again", slog.Any("error", err))
	}
	c.away.set(err)
}

// connectFault is err, of a connection, in the words of this package.
func connectFault(err error) error {
	for _, refused := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refused) {
			return fmt.Errorf("%w: %w", ErrAuthorization, err)
		}
	}
	return err
}
