package httpsender_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	words "heliograph/domain/stream"
)

// listener writes down what a sender tells, and does what the application does:
// it unregisters what is gone.
type listener struct {
	registry *memregistry.Registry
	recover  func(connection.Token)
	adopt    func(connection.Token)

	mu        sync.Mutex
	gone      []connection.Token // guarded by mu, as all below
	failed    []error
	recovered int
	found     []string // "request_id token"
}

func newListener(registry *memregistry.Registry) *listener {
	return &listener{registry: registry, recover: func(connection.Token) {}, adopt: func(connection.Token) {}}
}

func (l *listener) Gone(ctx context.Context, token connection.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = append(l.gone, token)
	_, _ = l.registry.Remove(ctx, token) // a second time it is unknown
}

func (l *listener) Failed(_ context.Context, _ connection.Token, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = append(l.failed, err)
}

func (l *listener) Recover(_ context.Context, token connection.Token) {
	l.mu.Lock()
	l.recovered++
	l.mu.Unlock()
	l.recover(token)
}

// metrics counts what gateway.Metrics is told, as "service outcome".
type metrics struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
}

func newMetrics() *metrics { return &metrics{counts: make(map[string]int)} }

func (m *metrics) Sent(s event.Service, ok, failed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[string(s)+" success"] += ok
	m.counts[string(s)+" error"] += failed
}

func (m *metrics) Took(s event.Service, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[string(s)+" requests"]++
}

// get returns the counts of one service.
func (m *metrics) get(s event.Service) (success, failure, requests int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := string(s)
	return m.counts[name+" success"], m.counts[name+" error"], m.counts[name+" requests"]
}

// note is an event that counts.
func note(n int) event.Event {
	return event.Event{Service: event.ServiceTask, Name: "note", Data: fmt.Append(nil, n)}
}

// state is an event that a newer one makes worthless.
func state(n int) event.Event {
	return event.Event{Service: event.ServiceVersion, Name: "state", Data: fmt.Append(nil, n), Key: "state"}
}

func snapshot(n int) event.Event {
	return event.Event{Service: event.ServiceTask, Name: "snapshot", Data: fmt.Append(nil, n)}
}

func reset() event.Event {
	return event.Event{Name: words.NameReset, Data: []byte(`{"reason":"epoch"}`)}
}

func replaced() event.Event {
	return event.Event{Name: words.NameReplaced, Data: []byte(`{}`)}
}

func (l *listener) Found(_ context.Context, id connection.RequestID, token connection.Token) {
	l.mu.Lock()
	l.found = append(l.found, string(id)+" "+string(token))
	l.mu.Unlock()
	l.adopt(token)
}

// start is the place before the first event.
var start = event.ID{Epoch: "test", Seq: 100}

// history is an event.History of what was appended.
type history struct {
	epoch string

	mu   sync.Mutex
	recs []event.Record // guarded by mu
	err  error          // of After, unless nil; guarded by mu
	page int            // how many After returns at most, unless 0; guarded by mu
}

func newHistory() *history { return &history{epoch: start.Epoch} }

func (h *history) append(ev event.Event) event.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	rec := event.Record{ID: event.ID{Epoch: h.epoch, Seq: start.Seq + uint64(len(h.recs)) + 1}, Event: ev}
	h.recs = append(h.recs, rec)
	return rec
}

// fail makes After fail.
func (h *history) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *history) Newest(context.Context) (event.ID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return event.ID{Epoch: h.epoch, Seq: start.Seq + uint64(len(h.recs))}, nil
}

func (h *history) After(_ context.Context, id event.ID, limit int) ([]event.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch n := id.Seq - start.Seq; {
	case h.err != nil:
		return nil, h.err
	case id.Epoch != h.epoch:
		return nil, event.ErrEpoch
	case n > uint64(len(h.recs)):
		return nil, event.ErrInvalidID
	default:
		if h.page > 0 {
			limit = min(limit, h.page)
		}
		return h.recs[n:min(len(h.recs), int(n)+limit)], nil
	}
}
