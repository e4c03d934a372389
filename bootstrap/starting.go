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
