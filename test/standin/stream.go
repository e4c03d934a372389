package standin

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Reasons of a disconnect.
const (
	reasonClient = "client_closed"
	reasonServer = "server_closed"
	reasonError  = "error"
)

// errEnded: the stream with that token has ended.
var errEnded = errors.New("the stream has ended")

// stream is one client's. Until it is open its frames are buffered.
type stream struct {
	token, url string
	ended      chan struct{} // closed by end

	mu      sync.Mutex
	w       http.ResponseWriter // nil unless open; guarded by mu
	pending pending             // what came before it was open; guarded by mu
	reason  string              // why it ended; guarded by mu
	written time.Time           // of the last frame; guarded by mu
}

func newStream(token, url string) *stream {
	return &stream{token: token, url: url, ended: make(chan struct{})}
}

func (s *stream) matches(part string) bool { return strings.Contains(s.url, part) }

// stream serves one client: callback, headers, what was buffered, then live.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request) {
	callback := g.callbackURL()
	if callback == "" {
		refuse(w, http.StatusServiceUnavailable, "SERVICE_NOT_CONFIGURED", "no callback URL is configured")
		return
	}
	defer g.busy.begin()()
	s := g.add(r)
	outcome := g.connect(callback, s, r)
	select {
	case <-r.Context().Done(): // gone while the callback is pending: nothing was open
		g.remove(s)
		return
	case refusal := <-outcome:
		if refusal != nil {
			g.remove(s)
			refuse(w, refusal.status, refusal.code, refusal.message)
			return
		}
	}
	s.open(w)
	s.hold(r)
	if known := g.remove(s); known {
		g.disconnect(s, r)
	}
}

// open writes the headers and what was buffered.
func (s *stream) open(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no")
	h.Set("Incremental", "?1")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // a client that is gone shows at the next write
	s.w = w
	for _, p := range s.pending.all() {
		_ = s.writeLocked(p.frame())
	}
	s.pending = pending{}
}

func (s *stream) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w != nil
}

// hold returns when the stream has ended and nothing is written any more.
func (s *stream) hold(r *http.Request) {
	heartbeat := time.NewTicker(Heartbeat)
	defer heartbeat.Stop()
	for {
		select {
		case <-r.Context().Done():
			s.end(reasonClient)
		case <-s.ended:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.w = nil
			return
		case <-heartbeat.C:
			s.beat()
		}
	}
}

func (s *stream) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.written) >= Heartbeat {
		_ = s.writeLocked(": heartbeat\n\n")
	}
}

// end ends the stream for a reason, of which the first counts.
func (s *stream) end(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(reason)
}

func (s *stream) endLocked(reason string) {
	if s.reason == "" {
		s.reason = reason
		close(s.ended)
	}
}

// send does what p says. It reports whether the event was buffered.
func (s *stream) send(p pushed) (buffered bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.reason != "":
		return false, errEnded
	case s.w != nil:
		err = s.writeLocked(p.frame())
	default:
		s.pending.add(p)
		buffered = true
	}
	if p.close {
		s.endLocked(reasonServer)
	}
	return buffered, err
}

func (s *stream) writeLocked(frame string) error {
	out := http.NewResponseController(s.w)
	_ = out.SetWriteDeadline(time.Now().Add(CallbackTimeout)) // not every writer has one
	_, err := s.w.Write([]byte(frame))                        //nolint:gosec // an event stream, of what the backend says
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		s.endLocked(reasonError)
	}
	s.written = time.Now()
	return err
}
