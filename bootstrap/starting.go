package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/http/paths"
)

const (
	// startPatience is how long a request waits for a start to end: nearly all starts
	// are over sooner.
	startPatience = 10 * time.Second
	// startWaiting is how many requests wait at most; more are refused at once.
	startWaiting = 1000
	// startReport is how often a start that takes long is logged.
	startReport = 10 * time.Second
)

// startContext returns the context of the start, which ends when the process is to
// end. It has no deadline: what is read back may be large and its disk slow.
type startContext func() context.Context

// ErrStartEnded says that the process was to end before it had started.
var ErrStartEnded = errors.New("the start was broken off")

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

// starting answers requests until the service can: that it lives, and what it waits
// for. All others wait a little. It is safe for concurrent use.
type starting struct {
	ready   chan struct{} // closed by end
	handler atomic.Pointer[http.Handler]
	waiting atomic.Int64

	mu   sync.Mutex
	what func() string // what the start waits for; guarded by mu
}

func newStarting() *starting {
	s := &starting{ready: make(chan struct{})}
	s.waitsFor("its parts to be made")
	return s
}

// waitsFor says what the start waits for, for people.
func (s *starting) waitsFor(what string) { s.waitsForWhat(func() string { return what }) }

// waitsForWhat is waitsFor for what changes. what is called at any time until the
// next call.
func (s *starting) waitsForWhat(what func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.what = what
}

func (s *starting) String() string {
	s.mu.Lock()
	what := s.what
	s.mu.Unlock()
	return "the service is starting, and waits for " + what()
}

// end has handler answer from now on, and what waits too. It may be called once.
func (s *starting) end(handler http.Handler) {
	s.handler.Store(&handler)
	close(s.ready)
}

// report logs what the start waits for, when it takes long, until it has ended.
func (s *starting) report(ctx context.Context, log *slog.Logger) {
	ticks := time.NewTicker(startReport)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			log.InfoContext(ctx, "still starting", slog.String("state", s.String()))
		case <-s.ready:
			return
		case <-ctx.Done():
			return
		}
	}
}

// ServeHTTP implements http.Handler.
func (s *starting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler := s.handler.Load(); handler != nil {
		(*handler).ServeHTTP(w, r)
		return
	}
	switch r.URL.Path {
	case paths.Health:
		answerJSON(w, http.StatusOK, map[string]any{"status": "ok"})
	case paths.Ready:
		answerJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "not_ready", "checks": map[string]string{"service": s.String()}})
	default:
		s.wait(w, r)
	}
}

func (s *starting) wait(w http.ResponseWriter, r *http.Request) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > startWaiting {
		s.refuse(w, r)
		return
	}
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case <-s.ready:
		s.ServeHTTP(w, r)
	case <-patience.C:
		s.refuse(w, r)
	case <-r.Context().Done(): // its client has gone, or the start has failed
		s.refuse(w, r)
	}
}

// refuse asks to come again. A browser's EventSource takes no error for that: it
// would give up for good (rule G8).
func (s *starting) refuse(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == paths.Stream {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("retry: 1000\n\n")) // if it fails the client has gone
		return
	}
	w.Header().Set("Retry-After", "1")
	answerJSON(w, http.StatusServiceUnavailable, map[string]any{"error": map[string]string{"code": "BROKER_UNAVAILABLE", "message": s.String()}})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // if it fails the client has gone
}
