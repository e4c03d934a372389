// Package standin is an SSE gateway for tests, written from the protocol's page
// alone: it shares no code with the product, so that the two cannot be wrong in
// the same way. Switches make it misbehave (Faults), and it records what it was
// sent (State).
//
// It runs within a test (Server) or as a process of its own (cmd/standin), which
// a test then drives by Control.
package standin

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// CallbackTimeout is how long a callback may take, by the protocol.
const CallbackTimeout = 5 * time.Second

// Heartbeat is how long a stream is idle before it gets a comment.
const Heartbeat = 15 * time.Second

// Gateway holds streams. It is safe for concurrent use. No lock is held during
// I/O but a stream's own.
type Gateway struct {
	transport *http.Transport // for callbacks
	busy      busy            // with streams and callbacks

	mu       sync.Mutex
	callback string             // guarded by mu; "" when not configured
	streams  map[string]*stream // by token; guarded by mu
	faults   Faults             // guarded by mu
	changed  chan struct{}      // guarded by mu; closed and replaced with faults
	record   record             // guarded by mu

	extensions []string        // guarded by mu
	taken      map[string]bool // IDs of broadcasts; guarded by mu
}

// New returns a Gateway that has no callback URL yet.
func New() *Gateway {
	return &Gateway{
		transport: &http.Transport{DisableCompression: true},
		streams:   map[string]*stream{},
		changed:   make(chan struct{}),
		record:    newRecord(),
		taken:     map[string]bool{},
	}
}

// SetCallback makes url the backend's callback; "" is none.
func (g *Gateway) SetCallback(url string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.callback = url
}

// Forget drops every stream whose URL contains match without a word to the
// backend, so that a push to it gets a 404.
func (g *Gateway) Forget(match string) {
	g.mu.Lock()
	var dropped []*stream
	for token, s := range g.streams {
		if s.matches(match) {
			dropped = append(dropped, s)
			delete(g.streams, token)
		}
	}
	g.mu.Unlock()
	for _, s := range dropped {
		s.end(reasonError)
	}
}

// Wait returns when no stream and no callback is under way.
func (g *Gateway) Wait() {
	g.busy.wait()
	g.transport.CloseIdleConnections()
}

// ServeHTTP implements the gateway's one port: its own endpoints, and a stream
// on every other path.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Cache-Control, Last-Event-ID, Authorization")
	switch {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case isProbe(r, "/healthz"):
		answer(w, http.StatusOK, map[string]any{"status": "ok"})
	case isProbe(r, "/readyz"):
		g.ready(w)
	case r.URL.Path == "/internal/send" && r.Method == http.MethodPost:
		g.push(w, r)
	case r.URL.Path == "/internal/broadcast" && r.Method == http.MethodPost && g.announces("broadcast"):
		g.broadcast(w, r)
	case r.URL.Path == "/internal/connections" && g.announces("connections"):
		g.connections(w, r)
	case r.Method == http.MethodGet:
		g.stream(w, r)
	default:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "no such endpoint")
	}
}

// isProbe reports whether r asks for a probe: in any case, and with a slash at
// the end, as in Express.
func isProbe(r *http.Request, path string) bool {
	return strings.EqualFold(strings.TrimSuffix(r.URL.Path, "/"), path)
}

func (g *Gateway) ready(w http.ResponseWriter) {
	status, body := http.StatusOK, map[string]any{"status": "ready", "configured": true}
	if g.callbackURL() == "" {
		status, body = http.StatusServiceUnavailable, map[string]any{"status": "not_ready", "configured": false}
	}
	if extensions := g.announced(); len(extensions) > 0 {
		body["capabilities"] = extensions
	}
	answer(w, status, body)
}

func (g *Gateway) callbackURL() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.callback
}

func (g *Gateway) add(r *http.Request) *stream {
	s := newStream(uuid.NewString(), r.RequestURI)
	s.pending.lastEventID = r.Header.Get("Last-Event-ID")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[s.token] = s
	return s
}

func (g *Gateway) find(token string) *stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.streams[token]
}

// remove reports whether s was still known: only then its end is worth a
// callback.
func (g *Gateway) remove(s *stream) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.streams[s.token]
	delete(g.streams, s.token)
	return known
}

// State returns the gateway's streams and what it was sent.
func (g *Gateway) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := g.record.state()
	for _, s := range slices.SortedFunc(maps.Values(g.streams), byToken) {
		state.Streams = append(state.Streams, StreamState{Token: s.token, URL: s.url})
	}
	return state
}

func byToken(a, b *stream) int { return cmp.Compare(a.token, b.token) }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client has gone
}

// refuse answers with the form that all of the protocol's errors have.
func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"error": map[string]string{"message": message, "code": code}})
}
