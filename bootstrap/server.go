package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"heliograph/adapters/inbound/ssestream"
)

const (
	// headerTimeout is for a request's headers; browsers send them at once.
	headerTimeout = 10 * time.Second
	// bodyTimeout is for a request's body of at most 1 MiB, on a slow line.
	bodyTimeout = 30 * time.Second
	// idleTimeout is how long a connection is kept between two requests: longer
	// than the usual 60 s of a proxy in front, which must be the one to close.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes leaves room for fat cookies, and no more.
	maxHeaderBytes = 64 << 10
)

// server is one listener.
type server struct {
	variable   string // that says where
	configured string // its value
	http       *http.Server
	listener   net.Listener // nil until listen
}

func newServer(cfg Config, handler http.Handler, log *slog.Logger) *server {
	return newServerAt("HTTP_ADDR", cfg.HTTP.Addr, handler, log)
}

// newServerAt returns the server for an address that a variable says.
func newServerAt(variable, addr string, handler http.Handler, log *slog.Logger) *server {
	unused := &spares{conns: make(map[net.Conn]struct{})}
	s := &server{variable: variable, configured: addr, http: &http.Server{
		Handler:           withStack(ssestream.Release(limitBodyTime(handler))),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState:         unused.track,
		ConnContext:       ssestream.ConnContext,
	}}
	s.http.RegisterOnShutdown(unused.close)
	return s
}

// withStack makes the stack of a connection's goroutine as large as a stream's
// connect needs, observers included, here where it is shallow. It would grow
// anyway, but from the depth of gin's handlers, and twice, and then all their
// frames have to be found and moved: that took a fifth of the time of a connect.
func withStack(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grow(len(r.Method))
		next.ServeHTTP(w, r)
	})
}

//go:noinline
func grow(i int) byte {
	var room [8 << 10]byte
	return room[i%len(room)]
}

// limitBodyTime bounds the time that a body takes to come. http.Server's own
// ReadTimeout would end streams as well.
func limitBodyTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// An error means that the connection cannot be timed; then it is not.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		next.ServeHTTP(w, r)
	})
}

// listen claims the address. Connections wait until serve.
func (s *server) listen(ctx context.Context) error {
	// No keep-alive probes: a stream has heartbeats, and any other connection may
	// be idle for idleTimeout only. It spares four system calls per connection.
	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", s.configured)
	if err != nil {
		return fmt.Errorf("%s: %w", s.variable, err)
	}
	s.listener = listener
	growDescriptors()
	return nil
}

func (s *server) addr() net.Addr { return s.listener.Addr() }

// serve answers requests until shutdown. Their contexts end with ctx.
func (s *server) serve(ctx context.Context) error {
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// shutdown takes no new connection and waits for the answers under way, at most
// until ctx ends; then it cuts them off.
func (s *server) shutdown(ctx context.Context) error {
	defer func() { _ = s.listener.Close() }() // if serve was never reached; else it is closed
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
