package httpsender_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// push is the body of POST /internal/send, written from the protocol's page.
type push struct {
	Token string `json:"token"`
	Event *struct {
		Name string  `json:"name"`
		Data *string `json:"data"`
	} `json:"event"`
	Close bool `json:"close"`
}

// standIn stands in for an external gateway: it takes pushes at /internal/send
// and keeps, per token, what a client would have got.
type standIn struct {
	mu      sync.Mutex
	streams map[string]*stream // guarded by mu, as all below
	pushes  int                // requests that came in
	now     int                // requests under way
	most    int                // under way at one time
	delay   func() time.Duration
}

// stream is one open stream of the stand-in, and how it misbehaves.
type stream struct {
	got    []string                // "name data"; what arrived, in order
	report func(name, data string) // called with what arrives, if set
	ended  func()                  // called when the stream is closed, if set
	status int                     // the answer to every push, unless 0
	stuck  chan struct{}           // pushes hang until it is closed, unless nil
}

func newStandIn() *standIn { return &standIn{streams: make(map[string]*stream)} }

// open opens a stream.
func (g *standIn) open(token string, s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[token] = s
}

// with calls f with the stream of token, which must be open.
func (g *standIn) with(token string, f func(*stream)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g.streams[token])
}

// got returns what the stream of token, which must be open, has got.
func (g *standIn) got(token string) (got []string) {
	g.with(token, func(s *stream) { got = s.got })
	return got
}

// ServeHTTP implements http.Handler.
func (g *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var p push
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&p); err != nil || p.Token == "" || p.Event == nil || p.Event.Data == nil ||
		r.Method != http.MethodPost || r.URL.Path != "/internal/send" || r.Header.Get("Content-Type") != "application/json" {
		refuse(w, http.StatusBadRequest, "INVALID_EVENT_DATA_MISSING")
		return
	}
	stuck, delay := g.enter(p.Token)
	defer g.leave()
	select {
	case <-stuck:
	case <-r.Context().Done():
		return
	}
	<-time.After(delay)
	g.answer(w, p)
}

func (g *standIn) enter(token string) (stuck <-chan struct{}, delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pushes++
	g.now++
	g.most = max(g.most, g.now)
	if g.delay != nil {
		delay = g.delay()
	}
	if s := g.streams[token]; s != nil && s.stuck != nil {
		return s.stuck, delay
	}
	free := make(chan struct{})
	close(free)
	return free, delay
}

func (g *standIn) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

func (g *standIn) answer(w http.ResponseWriter, p push) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.streams[p.Token]
	switch {
	case s == nil:
		refuse(w, http.StatusNotFound, "TOKEN_NOT_FOUND")
		return
	case s.status != 0:
		refuse(w, s.status, "WRITE_FAILED")
		return
	}
	s.got = append(s.got, p.Event.Name+" "+*p.Event.Data)
	if s.report != nil {
		s.report(p.Event.Name, *p.Event.Data)
	}
	if p.Close {
		g.closeLocked(p.Token, s)
	}
	_, _ = fmt.Fprint(w, `{"status":"ok"}`)
}

func (g *standIn) closeLocked(token string, s *stream) {
	delete(g.streams, token)
	if s.ended != nil {
		s.ended()
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"message":"no","code":%q}}`, code)
}
