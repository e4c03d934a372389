package observers_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections/background"
	"heliograph/application/connections/observers"
	"heliograph/domain/connection"
	"heliograph/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = time.Second // of an observer, in these tests

// fixture is a Runner on a registry in memory.
type fixture struct {
	*observers.Runner

	group    *background.Group
	registry *memregistry.Registry
	logs     *logs.Logs
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	f := fixture{group: background.NewGroup(), registry: memregistry.New(), logs: &logs.Logs{}}
	f.Runner = observers.New(limit, f.group, f.registry, f.logs.Logger())
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

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
