package standin

import (
	"net/http"
	"slices"
	"time"
)

// State is what a gateway holds, and what it was sent since it began.
type State struct {
	Streams   []StreamState
	Pushes    []Push     // in the order of their ends
	Callbacks []Callback // in the order of their answers
	// InFlight is the number of pushes under way now, MaxInFlight the most there
	// ever were, MaxPerStream the most for one stream.
	InFlight, MaxInFlight, MaxPerStream int
	// PushConnections is the number of TCP connections that carried pushes.
	PushConnections int
}

// StreamState is one stream that the gateway holds, open or pending.
type StreamState struct{ Token, URL string }

// Push is one push that was understood.
type Push struct {
	Token       string // "" for a broadcast
	URL         string // the stream's; "" for an unknown token or a broadcast
	Name, Data  string
	Close       bool
	Status      int // the answer; 0 if the backend hung up first
	Began       time.Time
	Took        time.Duration
	Concurrency int // pushes under way when it began, itself included
}

// Callback is one that was made.
type Callback struct {
	Action, Token, Reason, URL string
	Status                     int // the backend's answer; 0 for none
}

// record is guarded by the gateway's lock.
type record struct {
	State
	perStream   map[string]int      // pushes under way, by token
	connections map[string]struct{} // remote addresses that pushed
}

func newRecord() record {
	return record{perStream: map[string]int{}, connections: map[string]struct{}{}}
}

func (r *record) state() State {
	state := r.State
	state.Pushes, state.Callbacks = slices.Clone(r.Pushes), slices.Clone(r.Callbacks)
	state.PushConnections = len(r.connections)
	return state
}

// recordPush notes that p has begun. s is nil for an unknown token. The caller
// calls done with the status that p got.
func (g *Gateway) recordPush(p pushed, s *stream, r *http.Request) (done func(status int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rec := &g.record
	rec.connections[r.RemoteAddr] = struct{}{}
	rec.InFlight++
	rec.perStream[p.token]++
	rec.MaxInFlight = max(rec.MaxInFlight, rec.InFlight)
	rec.MaxPerStream = max(rec.MaxPerStream, rec.perStream[p.token])
	push := Push{Token: p.token, Name: p.name, Data: p.data, Close: p.close, Began: p.began, Concurrency: rec.InFlight}
	if s != nil {
		push.URL = s.url
	}
	return func(status int) { g.recordPushed(push, status) }
}

func (g *Gateway) recordPushed(push Push, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	push.Status, push.Took = status, time.Since(push.Began)
	g.record.InFlight--
	g.record.perStream[push.Token]--
	g.record.Pushes = append(g.record.Pushes, push)
}

func (g *Gateway) recordCallback(m message, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.record.Callbacks = append(g.record.Callbacks,
		Callback{Action: m.Action, Token: m.Token, Reason: m.Reason, URL: m.Request.URL, Status: status})
}
