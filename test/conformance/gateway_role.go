package conformance

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// callbackLimit is how long a callback may take.
const callbackLimit = 5 * time.Second

// delivery is one event that a stream was given.
type delivery struct {
	id, name, data string
	early          bool // its callback was pending
	broadcast      bool // by the extension
}

// fakeGateway is the suite in its role as the backend's gateway.
type fakeGateway struct {
	secret string

	mu           sync.Mutex
	capabilities []string              // guarded by mu
	streams      map[string]*fakeState // by token; guarded by mu
	wrong        []string              // what no backend should do; guarded by mu
}

// fakeState is one stream.
type fakeState struct {
	open bool // its callback was answered
	lost bool // pushes get 404
	got  []delivery
}

// serveGateway listens where the backend looks for its gateway, until the
// test's end.
func serveGateway(t *testing.T, s BackendSubject) *fakeGateway {
	t.Helper()
	g := &fakeGateway{secret: s.Secret, streams: map[string]*fakeState{}, capabilities: []string{"broadcast", "event-id", "connections"}}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", s.GatewayAddr)
	if err != nil {
		t.Fatalf("listen as the gateway: %v", err)
	}
	serve(t, listener, g)
	return g
}

// newToken makes a token whose callback is pending.
func (g *fakeGateway) newToken() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	token := uuid.NewString()
	g.streams[token] = &fakeState{}
	return token
}

func (g *fakeGateway) accepted(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[token].open = true
}

// lose makes pushes to a token answer that it is unknown.
func (g *fakeGateway) lose(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[token].lost = true
}

func (g *fakeGateway) forget(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, token)
}

// delivered returns what a stream was given so far.
func (g *fakeGateway) delivered(token string) []delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.streams[token].got)
}

// exchange makes it a gateway with other capabilities.
func (g *fakeGateway) exchange(capabilities ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.capabilities = capabilities
}

func (g *fakeGateway) complaints() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.wrong)
}

// posted is the body of a push or a broadcast, of which only what is named here
// may be there.
type posted struct {
	Token  *string
	Tokens *[]string
	Close  *bool
	Event  *struct {
		Name *string
		Data *string
		ID   *string
	}
}

// ServeHTTP implements the gateway.
func (g *fakeGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	code, body := http.StatusNotFound, any(refusal("NOT_FOUND"))
	able := func(capability string) bool { return slices.Contains(g.capabilities, capability) }
	switch {
	case r.URL.Path == "/readyz":
		code, body = http.StatusOK, map[string]any{"status": "ready", "configured": true, "capabilities": g.capabilities}
	case !strings.HasPrefix(r.URL.Path, "/internal/"):
	case r.Header.Get("X-Internal-Secret") != g.secret:
		g.complainLocked("%s comes without the secret", r.URL.Path)
		code, body = http.StatusUnauthorized, refusal("UNAUTHORIZED")
	case r.URL.Path == "/internal/connections" && able("connections"):
		code, body = http.StatusOK, map[string]any{"connections": []any{}, "next": nil}
	case r.URL.Path == "/internal/send" || r.URL.Path == "/internal/broadcast" && able("broadcast"):
		code, body = g.takeLocked(r)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func refusal(code string) map[string]any {
	return map[string]any{"error": map[string]string{"code": code, "message": "refused by the suite"}}
}

func (g *fakeGateway) complainLocked(format string, args ...any) {
	g.wrong = append(g.wrong, fmt.Sprintf(format, args...))
}

// takeLocked reads and does what a push or a broadcast says.
func (g *fakeGateway) takeLocked(r *http.Request) (int, any) {
	var p posted
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil || r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		g.complainLocked("%s %s, %q: %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), err)
		return http.StatusBadRequest, refusal("INVALID_JSON")
	}
	switch {
	case p.Event != nil && p.Event.Data == nil:
		g.complainLocked("an event without data")
	case p.Event != nil && p.Event.ID != nil && strings.ContainsAny(*p.Event.ID, "\r\n"):
		g.complainLocked("id %q has a line break", *p.Event.ID)
	case p.Event != nil && p.Event.ID != nil && !slices.Contains(g.capabilities, "event-id"):
		g.complainLocked("an event has an id, and the gateway does not announce event-id")
	case r.URL.Path == "/internal/broadcast":
		return g.broadcastLocked(p)
	case p.Token == nil || p.Tokens != nil:
		g.complainLocked("a push without its token")
	default:
		return g.sendLocked(*p.Token, p)
	}
	return http.StatusBadRequest, refusal("INVALID_EVENT_DATA_MISSING")
}

func (g *fakeGateway) sendLocked(token string, p posted) (int, any) {
	s := g.streams[token]
	if s == nil || s.lost {
		return http.StatusNotFound, refusal("TOKEN_NOT_FOUND")
	}
	s.take(p, false)
	if !s.open {
		return http.StatusOK, map[string]string{"status": "buffered"}
	}
	return http.StatusOK, map[string]string{"status": "ok"}
}

func (g *fakeGateway) broadcastLocked(p posted) (int, any) {
	unknown, delivered := []string{}, 0
	for token, s := range g.streams {
		if !s.lost && (p.Tokens == nil || slices.Contains(*p.Tokens, token)) {
			s.take(p, true)
			delivered++
		}
	}
	if p.Tokens != nil {
		for _, token := range *p.Tokens {
			if s := g.streams[token]; s == nil || s.lost {
				unknown = append(unknown, token)
			}
		}
	}
	return http.StatusOK, map[string]any{"status": "ok", "delivered": delivered, "unknown": unknown}
}

// take gives a stream an event; an ID comes once, as the extension demands of
// gateways.
func (s *fakeState) take(p posted, broadcast bool) {
	if p.Event == nil {
		return
	}
	d := delivery{data: *p.Event.Data, early: !s.open, broadcast: broadcast}
	if p.Event.Name != nil {
		d.name = *p.Event.Name
	}
	if p.Event.ID != nil {
		d.id = *p.Event.ID
	}
	s.got = append(s.got, d)
}
