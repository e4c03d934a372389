// Package brokertest opens brokers for the tests of the adapters on them.
package brokertest

import (
	"log/slog"
	"testing"

	"heliograph/adapters/engine/natsbroker"
)

// Open returns a broker that is closed when t ends. Its name is node-1.
func Open(t testing.TB, cfg natsbroker.Config) *natsbroker.Broker {
	t.Helper()
	cfg.Name = "node-1"
	b, err := natsbroker.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// InProcess returns a broker of the test's own, whose streams have no files.
func InProcess(t testing.TB) *natsbroker.Broker {
	t.Helper()
	return Open(t, natsbroker.Config{Dir: t.TempDir(), InMemory: true})
}
