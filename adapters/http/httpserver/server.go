// Package httpserver runs the HTTP listeners of both roles of this program. It
// bounds what clients can make a server hold, and lets the stream engine take a
// connection's socket over.
//
// These are the bounds:
//
//   - connections, so that descriptors are left for the broker and for commands;
//     idle ones are closed first when they run out (Config.MaxConnections);
//   - headers, in bytes and in the time that they take to come;
//   - request bodies under way, in bytes of all of them together, and in the time
//     that each takes to come (ErrBusy);
//   - answers, in the time that a client may read nothing of them;
//   - idle connections, in the time that they are kept.
//
// A connection whose socket a stream has taken (Takeover) counts for the first
// bound only. The engine bounds what streams hold.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// headerTimeout is for the headers of a request. Browsers send them at once.
	headerTimeout = 10 * time.Second
	// bodyTimeout is for the body of a request. It is long for clients on slow lines.
	bodyTimeout = 30 * time.Second
	// idleTimeout is how long a connection is kept between two requests: longer
	// than the usual 60 s of a proxy in front, which must be the one to close.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes leaves room for large cookies.
	maxHeaderBytes = 64 << 10
)

// Config is what a Server needs to know.
type Config struct {
	// Variable is the name of the setting that Addr comes from, for errors.
	Variable string
	// Addr is host:port; an empty host is every interface, port 0 any free one.
	Addr string
	// MaxConnections bounds the connections that are open at the same time,
	// streams that have taken their sockets included; 0 is no bound.
	MaxConnections int
	// Sockets returns how many of this server's sockets streams have taken over; nil
	// means none. It is called for each new connection.
	Sockets func() int
}

// Server is one listener. It is safe for concurrent use.
type Server struct {
	cfg         Config
	http        *http.Server
	connections *connections
	listener    net.Listener // nil until Listen
}

// New returns a Server that answers with handler. It starts nothing.
func New(cfg Config, handler http.Handler, log *slog.Logger) *Server {
	if cfg.Sockets == nil {
		cfg.Sockets = func() int { return 0 }
	}
	open := newConnections(cfg.MaxConnections, cfg.Sockets)
	s := &Server{cfg: cfg, connections: open, http: &http.Server{
		Handler:           growStack(newBodyBudget().limit(handler)),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState:         open.track,
		ConnContext:       connContext,
	}}
	s.http.RegisterOnShutdown(open.prepareShutdown)
	return s
}

// Listen claims the address. Connections wait until Serve. Errors name the
// variable.
func (s *Server) Listen(ctx context.Context) error {
	// No keep-alive probes: a stream has heartbeats, and any other connection may
	// be idle for idleTimeout only. It spares four system calls per connection.
	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("%s: %w", s.cfg.Variable, err)
	}
	s.listener = s.connections.listen(listener)
	growDescriptors()
	return nil
}

// Addr returns the address that was claimed.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Variable returns Config.Variable.
func (s *Server) Variable() string { return s.cfg.Variable }

// Serve answers requests until Shutdown. Their contexts end with ctx.
func (s *Server) Serve(ctx context.Context) error {
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Drain has every answer from now on end its connection, so that clients and
// proxies go elsewhere, and closes the connections that are idle.
func (s *Server) Drain() { s.http.SetKeepAlivesEnabled(false) }

// Shutdown takes no new connection and waits for the answers under way, at most
// until ctx ends; then it cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	defer func() { _ = s.listener.Close() }() // if Serve was never reached; else it is closed
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
