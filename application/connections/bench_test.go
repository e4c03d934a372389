package connections_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/memrevocations"
	"heliograph/application/connections"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
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

// BenchmarkCredentials is what 100,000 streams with credentials cost that expire at
// different times: memory for each, with what the registry keeps; a connect and its end;
// and the revocation of one subject among them all.
func BenchmarkCredentials(b *testing.B) {
	const streams = 100_000
	registry, revocations := memregistry.New(), memrevocations.New(time.Hour)
	m := connections.New(connections.Config{}, connections.Deps{
		Registry: registry, Roster: registry, Sender: discard{}, Control: memcontrol.New(), Revocations: revocations,
		Metrics: &metrics{}, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(b.Context())
	served := make(chan error, 1)
	go func() { served <- m.Credentials().Serve(ctx) }()
	connect := func(i int) {
		p := &access.Principal{
			Subject: fmt.Sprintf("user-%d", i), Roles: []string{"sales", "support", "staff"},
			Expires: time.Now().Add(time.Hour + time.Duration(i)*time.Millisecond), CredentialID: fmt.Sprintf("jti-%d", i),
		}
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		if _, err := m.Connect(access.NewContext(ctx, p), connection.RequestID(id), connection.Token(id), ""); err != nil {
			b.Fatal(err)
		}
	}
	before := heap()
	for i := range streams {
		connect(i)
	}
	memory := float64(heap()-before) / streams
	b.Run("connect and end", func(b *testing.B) {
		b.ReportAllocs()
		for i := streams; b.Loop(); i++ {
			connect(i)
			m.Disconnect(ctx, connection.Token(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)), connection.ReasonClientClosed)
		}
		b.ReportMetric(memory, "B/stream")
	})
	b.Run("revoke a credential", func(b *testing.B) { // looks at all streams
		for b.Loop() {
			_ = revocations.Revoke(ctx, access.Revocation{CredentialID: "none"})
		}
	})
	b.Run("revoke a subject, which connects again", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_ = revocations.Revoke(ctx, access.Revocation{Subject: fmt.Sprintf("user-%d", i%streams)})
			connect(i % streams)
		}
	})
	cancel()
	if err := <-served; err != nil {
		b.Error(err)
	}
}

// discard is a sender that takes everything.
type discard struct{ gateway.Sender }

func (discard) Close(context.Context, connection.Token, event.Event) error { return nil }

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
