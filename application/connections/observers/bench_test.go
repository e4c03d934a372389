package observers_test

import (
	"context"
	"log/slog"
	"testing"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections/background"
	"heliograph/application/connections/observers"
	"heliograph/domain/connection"
)

// BenchmarkContextWithTimeout is what the time limits of two observers would cost by
// contexts of their own, which deadline does with one timer.
func BenchmarkContextWithTimeout(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		for range 2 {
			ctx, cancel := context.WithTimeout(b.Context(), limit)
			context.AfterFunc(ctx, func() {})()
			cancel()
		}
	}
}

// BenchmarkRun calls two observers that do nothing, in the caller's goroutine, as a
// connect of the embedded gateway has them called.
func BenchmarkRun(b *testing.B) {
	group := background.NewGroup()
	r := observers.New(limit, group, memregistry.New(), slog.New(slog.DiscardHandler))
	for _, name := range []string{"first", "second"} {
		r.Add(name, connection.ObserverFunc(func(context.Context, connection.Connection) error { return nil }))
	}
	c := connection.Connection{RequestID: "a", Token: "token-1"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Run(c)
		}
	})
	_ = group.Stop(context.WithoutCancel(b.Context()))
}
