package httpsender_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// listener writes down what a sender tells, and does what the application does:
// it unregisters what is gone.
type listener struct {
	registry *memregistry.Registry
	recover  func(connection.Token)

	mu        sync.Mutex
	gone      []connection.Token // guarded by mu, as all below
	failed    []error
	recovered int
}

func newListener(registry *memregistry.Registry) *listener {
	return &listener{registry: registry, recover: func(connection.Token) {}}
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

func replaced() event.Event {
	return event.Event{Name: event.NameReplaced, Data: []byte(`{}`)}
}

func (*listener) Found(context.Context, connection.RequestID, connection.Token) {}
