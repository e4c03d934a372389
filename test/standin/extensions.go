package standin

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Extensions are those of the protocol that a gateway can announce.
var Extensions = []string{"broadcast", "event-id", "connections"}

// Announce makes the gateway have these extensions and no others, from now on.
// A new Gateway has none.
func (g *Gateway) Announce(extensions ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.extensions = extensions
}

func (g *Gateway) announces(extension string) bool {
	return slices.Contains(g.announced(), extension)
}

func (g *Gateway) announced() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.extensions
}

// broadcast pushes an event to all streams, or to some.
func (g *Gateway) broadcast(w http.ResponseWriter, r *http.Request) {
	body, err := object(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "INVALID_JSON", "the body is no JSON object, or too large")
		return
	}
	p := pushed{began: time.Now(), toAll: true}
	if refused := parseEvent(body["event"], &p); refused != nil {
		refuse(w, refused.status, refused.code, refused.message)
		return
	}
	var tokens []string
	to := g.all()
	if read(body["tokens"], &tokens) {
		p.toAll, to = false, nil
	}
	done := g.recordPush(p, nil, r)
	fault, err := g.suffer(r.Context(), &stream{})
	if err != nil {
		done(0) // the backend has hung up
		return
	}
	if fault.Status != 0 {
		done(fault.Status)
		refuse(w, fault.Status, "WRITE_FAILED", "the event could not be written")
		return
	}
	unknown := []string{}
	for _, token := range tokens {
		if s := g.find(token); s != nil {
			to = append(to, s)
		} else {
			unknown = append(unknown, token)
		}
	}
	delivered := g.deliverAll(p, to)
	done(http.StatusOK)
	answer(w, http.StatusOK, map[string]any{"status": "ok", "delivered": delivered, "unknown": unknown})
}

// deliverAll gives an event to streams, unless it goes to all and all have got
// one with its ID.
func (g *Gateway) deliverAll(p pushed, to []*stream) (delivered int) {
	if p.toAll && p.id != "" && g.takenBefore(p.id) {
		return len(to)
	}
	for _, s := range to {
		if _, err := s.send(p); err == nil {
			delivered++
		}
	}
	return delivered
}

func (g *Gateway) takenBefore(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.taken[id]
	g.taken[id] = true
	return before
}

func (g *Gateway) forgetTaken() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.taken)
}

func (g *Gateway) all() (streams []*stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.streams {
		streams = append(streams, s)
	}
	return streams
}

// connections lists the open streams in pages.
func (g *Gateway) connections(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		limit = 100
	}
	type listed struct {
		Token string `json:"token"`
		URL   string `json:"url"`
	}
	page, more := []listed{}, false
	after := r.URL.Query().Get("after")
	for _, s := range slices.SortedFunc(slices.Values(g.all()), byToken) {
		switch {
		case s.token <= after || !s.isOpen():
		case len(page) == limit:
			more = true
		default:
			page = append(page, listed{s.token, s.url})
		}
	}
	var next *string
	if more {
		next = &page[limit-1].Token
	}
	answer(w, http.StatusOK, map[string]any{"connections": page, "next": next})
}
