package connections_test

import (
	"context"
	"log/slog"
	"testing"

	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections"
	"heliograph/domain/connection"
)

// BenchmarkLifecycle is one connection from connect to disconnect, with two
// observers that do nothing.
func BenchmarkLifecycle(b *testing.B) {
	m := connections.New(connections.Config{}, memregistry.New(), nil, memcontrol.New(), &counter{}, slog.New(slog.DiscardHandler))
	m.Observe("first", connection.ObserverFunc(quiet))
	m.Observe("second", connection.ObserverFunc(quiet))
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Connect(b.Context(), "a", "token-1", "")
		m.Opened(b.Context(), "token-1")
		m.Disconnect(b.Context(), "token-1", connection.ReasonClientClosed)
	}
	if err := m.Stop(context.WithoutCancel(b.Context())); err != nil {
		b.Error(err)
	}
}
