package httpsender_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// push is the body of POST /internal/send and /internal/broadcast, written from
// the protocol's page.
type push struct {
	Token *string `json:"token"`
	Event *struct {
		Name string  `json:"name"`
		Data *string `json:"data"`
		ID   string  `json:"id"`
	} `json:"event"`
	Close  bool     `json:"close"`
	Tokens []string `json:"tokens"`
}

// standIn stands in for an external gateway: it takes pushes at /internal/send,
// and what its extensions offer, and keeps per token what a client would have
// got.
type standIn struct {
	mu          sync.Mutex
	can         []string           // what it announces; guarded by mu, as all below
	secret      string             // what it asks for
	hang        chan struct{}      // every request hangs until it is closed, unless nil
	streams     map[string]*stream // open
	taken       map[string]bool    // IDs of broadcasts to all, and "ID token" of those that name streams
	named       [][]string         // the tokens of each broadcast that came in
	pushes      int                // requests to push that came in
	broadcasts  int                // requests to broadcast that came in
	all         int                // requests of any kind
	conns       map[any]bool       // connections that carried pushes
	now         int                // pushes under way
	most        int                // under way at one time
	delay       func() time.Duration
	replies     map[string]reply                                  // instead of an answer, by path; "" is all
	special     func(w http.ResponseWriter, r *http.Request) bool // answers if it wants to, unless nil
	limit       int                                               // of a request's body, unless 0
	mute, stall int                                               // broadcasts that take effect and are not answered; with stall, the sender waits
}

// stream is one open stream of the stand-in, and how it misbehaves.
type stream struct {
	url    string                      // of the client's request
	got    []string                    // "name data"; what arrived, in order
	ids    []string                    // and the IDs of that
	report func(name, data, id string) // called with what arrives, if set
	ended  func()                      // called when the stream is closed, if set
	status int                         // the answer to every push, unless 0
	full   bool                        // broadcasts to it fail
	stuck  chan struct{}               // pushes hang until it is closed, unless nil
}

// reply is an answer that is not the stand-in's own.
type reply struct {
	status int
	body   string
}

// reply makes the stand-in answer so at path, or everywhere if that is "", without
// effect; with status 0 it no longer does.
func (g *standIn) reply(path string, status int, body string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.replies = map[string]reply{path: {status, body}}
	if status == 0 {
		g.replies = nil
	}
}

// instead answers a request in another way, if one was set.
func (g *standIn) instead(w http.ResponseWriter, r *http.Request) bool {
	g.mu.Lock()
	answer, set := g.replies[r.URL.Path]
	if !set {
		answer, set = g.replies[""]
	}
	special, limit := g.special, g.limit
	g.mu.Unlock()
	switch {
	case set:
		w.WriteHeader(answer.status)
		_, _ = w.Write([]byte(answer.body))
		return true
	case limit > 0 && r.ContentLength > int64(limit):
		g.enter("", nil)
		g.leave()
		refuse(w, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE")
		return true
	}
	return special != nil && special(w, r)
}

// extensions are all that there are.
var extensions = []string{"broadcast", "event-id", "connections"}

func newStandIn(can ...string) *standIn {
	return &standIn{
		can: can, streams: make(map[string]*stream), taken: make(map[string]bool), conns: make(map[any]bool),
	}
}

// open opens a stream.
func (g *standIn) open(token string, s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[token] = s
}

// restart makes g a new process, which knows no stream.
func (g *standIn) restart(can ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.can, g.streams, g.taken = can, make(map[string]*stream), make(map[string]bool)
}

// announce changes what g announces and can.
func (g *standIn) announce(can ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.can = can
}

// forget drops a stream without a word.
func (g *standIn) forget(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, token)
}

func (g *standIn) setHang(hang chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hang = hang
}

// requests returns how many requests of any kind came in.
func (g *standIn) requests() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

// with calls f with the stream of token, which must be open.
func (g *standIn) with(token string, f func(*stream)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g.streams[token])
}

// got returns what the stream of token, which must be open, has got.
func (g *standIn) got(token string) (got []string) {
	g.with(token, func(s *stream) { got = slices.Clone(s.got) })
	return got
}

// ServeHTTP implements http.Handler.
func (g *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	can, secret, hang := g.can, g.secret, g.hang
	g.all++
	g.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
	}
	if g.instead(w, r) {
		return
	}
	route := r.Method + " " + r.URL.Path
	switch {
	case route == "GET /readyz":
		if len(can) == 0 {
			w.WriteHeader(http.StatusServiceUnavailable) // which says nothing about its endpoints
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"capabilities": can})
	case r.Header.Get("X-Internal-Secret") != secret:
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
	case route == "GET /internal/connections" && slices.Contains(can, "connections"):
		g.list(w, r)
	case route == "POST /internal/broadcast" && slices.Contains(can, "broadcast"):
		g.broadcast(w, r)
	case route == "POST /internal/send":
		g.push(w, r)
	default:
		refuse(w, http.StatusNotFound, "NOT_FOUND")
	}
}

// list answers in pages of two.
func (g *standIn) list(w http.ResponseWriter, r *http.Request) {
	type listed struct {
		Token string `json:"token"`
		URL   string `json:"url"`
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	page := []listed{}
	var next *string
	for _, token := range slices.Sorted(maps.Keys(g.streams)) {
		if token <= r.URL.Query().Get("after") {
			continue
		}
		if len(page) == 2 {
			next = &page[1].Token
			break
		}
		page = append(page, listed{token, g.streams[token].url})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"connections": page, "next": next})
}

func (g *standIn) broadcast(w http.ResponseWriter, r *http.Request) {
	p, err := parse(r)
	if err != nil || p.Event == nil || p.Event.Data == nil || p.Token != nil {
		refuse(w, http.StatusBadRequest, "INVALID_EVENT_DATA_MISSING")
		return
	}
	delivered, unknown, stalls := g.spread(p)
	if stalls {
		<-r.Context().Done()
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "ok", "delivered": delivered, "unknown": unknown})
}

// spread gives a broadcast to the streams that it names, or to all, and reports whether
// there will be no answer. What has an ID goes out to all once, and to each that is named
// once.
func (g *standIn) spread(p push) (delivered int, unknown []string, stalls bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broadcasts++
	g.named = append(g.named, p.Tokens)
	unknown = []string{}
	tokens, again := p.Tokens, p.Event.ID != "" && g.taken[p.Event.ID]
	if tokens == nil {
		tokens = slices.Collect(maps.Keys(g.streams))
		g.taken[p.Event.ID] = true
	}
	for _, token := range tokens {
		s := g.streams[token]
		switch {
		case s == nil:
			unknown = append(unknown, token)
			continue
		case s.full:
			continue
		case !again && (p.Event.ID == "" || !g.taken[p.Event.ID+" "+token]):
			s.take(p)
		}
		delivered++
		g.taken[p.Event.ID+" "+token] = true
	}
	if g.mute > 0 {
		g.mute--
		panic(http.ErrAbortHandler)
	}
	g.stall--
	return delivered, unknown, g.stall >= 0
}

func (g *standIn) push(w http.ResponseWriter, r *http.Request) {
	p, err := parse(r)
	if err != nil || p.Token == nil || p.Event != nil && p.Event.Data == nil || p.Tokens != nil {
		refuse(w, http.StatusBadRequest, "INVALID_EVENT_DATA_MISSING")
		return
	}
	stuck, delay := g.enter(*p.Token, r.Context().Value(connKey{}))
	defer g.leave()
	select {
	case <-stuck:
	case <-r.Context().Done():
		return
	}
	<-time.After(delay)
	g.answer(w, p)
}

func parse(r *http.Request) (p push, err error) {
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&p); err != nil {
		return p, err
	}
	if r.Header.Get("Content-Type") != "application/json" {
		return p, fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	return p, nil
}

func (g *standIn) enter(token string, conn any) (stuck <-chan struct{}, delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pushes++
	g.conns[conn] = true
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
	s := g.streams[*p.Token]
	switch {
	case s == nil:
		refuse(w, http.StatusNotFound, "TOKEN_NOT_FOUND")
		return
	case s.status != 0:
		code := "WRITE_FAILED"
		if s.status == http.StatusNotFound {
			code = "TOKEN_NOT_FOUND"
		}
		refuse(w, s.status, code)
		return
	}
	s.take(p)
	if p.Close {
		delete(g.streams, *p.Token)
		if s.ended != nil {
			s.ended()
		}
	}
	_, _ = fmt.Fprint(w, `{"status":"ok"}`)
}

func (s *stream) take(p push) {
	if p.Event == nil {
		return
	}
	s.got = append(s.got, p.Event.Name+" "+*p.Event.Data)
	s.ids = append(s.ids, p.Event.ID)
	if s.report != nil {
		s.report(p.Event.Name, *p.Event.Data, p.Event.ID)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"message":"no","code":%q}}`, code)
}
