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
	m := connections.New(connections.Config{}, connections.Deps{
		Registry: memregistry.New(), Control: memcontrol.New(), Metrics: &metrics{}, Log: slog.New(slog.DiscardHandler),
	})
	quiet := connection.ObserverFunc(func(context.Context, connection.Connection) error { return nil })
	m.Observe("first", quiet)
	m.Observe("second", quiet)
	b.ReportAllocs()
	for b.Loop() {
		opening, _ := m.Connect(b.Context(), "a", "token-1", "")
		opening.Opened()
		m.Disconnect(b.Context(), "token-1", connection.ReasonClientClosed)
	}
	if err := m.Stop(context.WithoutCancel(b.Context())); err != nil {
		b.Error(err)
	}
}
