package observers_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections/background"
	"heliograph/application/connections/observers"
	"heliograph/domain/connection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = time.Second // of an observer, in these tests

// fixture is a Runner on a registry in memory.
type fixture struct {
	*observers.Runner

	group    *background.Group
	registry *memregistry.Registry
	logs     *bytes.Buffer // to be read when nothing runs
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	f := fixture{group: background.NewGroup(), registry: memregistry.New(), logs: &bytes.Buffer{}}
	f.Runner = observers.New(limit, f.group, f.registry, slog.New(slog.NewTextHandler(f.logs, nil)))
	t.Cleanup(func() {
		if err := f.group.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return f
}

// connection registers a connection.
func (f fixture) connection(t *testing.T, id connection.RequestID, token connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: id, Token: token}
	if _, err := f.registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// start registers a connection and has the observers called for it.
func (f fixture) start(t *testing.T, id connection.RequestID, token connection.Token) {
	t.Helper()
	f.Start(f.connection(t, id, token))
}

func (f fixture) remove(t *testing.T, token connection.Token) {
	t.Helper()
	if _, err := f.registry.Remove(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) observe(name string, o connection.ObserverFunc) { f.Add(name, o) }

// wantLog checks that one line of the log has all of parts.
func (f fixture) wantLog(t *testing.T, parts ...string) {
	t.Helper()
	for line := range strings.Lines(f.logs.String()) {
		if containsAll(line, parts) {
			return
		}
	}
	t.Errorf("no line of the log has %q:\n%s", parts, f.logs)
}

func containsAll(line string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(line, part) {
			return false
		}
	}
	return true
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
