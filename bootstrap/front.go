package bootstrap

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"

	"heliograph/adapters/http/httpserver"
)

// front is the service's listener, what it answers until the start is over, and the
// loops that carry events to its streams, of which it is one.
type front struct {
	server   *httpserver.Server
	opened   bool                        // owned by open and abort
	sockets  atomic.Pointer[socketCount] // how many of the server's sockets streams hold by themselves
	starting *starting
	carriers *loops
	log      *slog.Logger
}

func newFront(cfg Config, failed chan<- error, log *slog.Logger) *front {
	f := &front{starting: newStarting(), carriers: newLoops(failed), log: log}
	f.server = httpserver.New(httpserver.Config{
		Variable: "HTTP_ADDR", Addr: cfg.HTTP.Addr, MaxConnections: httpserver.DescriptorLimits().Connections, Sockets: f.streamSockets,
	}, f.starting, log)
	return f
}

// streamSockets is 0 until the start is over, and with a gateway elsewhere.
func (f *front) streamSockets() int {
	if count := f.sockets.Load(); count != nil && *count != nil {
		return (*count)()
	}
	return 0
}

// open claims the address, unless it has done so, and answers there that the service
// is starting. A second service on the same port ends before it did anything.
func (f *front) open(ctx context.Context) error {
	if f.opened {
		return nil
	}
	if err := f.server.Listen(ctx); err != nil {
		return err
	}
	f.opened = true
	f.carriers.run("http server", f.server.Serve)
	f.carriers.run("start report", func(ctx context.Context) error {
		f.starting.report(ctx, f.log)
		return nil
	})
	return nil
}

// serve ends the start: handler answers from now on.
func (f *front) serve(handler http.Handler, sockets socketCount) {
	f.sockets.Store(&sockets)
	f.starting.end(handler)
}

// abort closes the listener and ends the loops. After a stop in order it does
// nothing.
func (f *front) abort() error {
	f.carriers.cancel() // and with it what waits for the start
	var err error
	if f.opened {
		err = f.server.Shutdown(context.Background())
	}
	f.carriers.await()
	return err
}
