package connections_test

import (
	"context"
	"testing"
	"testing/synctest"

	"go.uber.org/mock/gomock"

	"heliograph/application/connections"
	"heliograph/domain/connection"
)

// hookedRegistry calls a function after one of its methods has done its work, as
// another goroutine might come in there.
type hookedRegistry struct {
	connection.Registry

	afterPut, afterByRequestID func()
}

func (r hookedRegistry) Put(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	before, err := r.Registry.Put(ctx, c)
	if r.afterPut != nil {
		r.afterPut()
	}
	return before, err
}

func (r hookedRegistry) ByRequestID(ctx context.Context, id connection.RequestID) (connection.Connection, error) {
	c, err := r.Registry.ByRequestID(ctx, id)
	if r.afterByRequestID != nil {
		r.afterByRequestID()
	}
	return c, err
}

// TestAConnectionThatLeavesBeforeItIsCountedIsNeverMinusOne has connections leave
// between their registration and the counting of it.
func TestAConnectionThatLeavesBeforeItIsCountedIsNeverMinusOne(t *testing.T) { // C9
	for name, leave := range map[string]func(f fixture, m *connections.Manager){
		"it disconnects": func(_ fixture, m *connections.Manager) {
			m.Disconnect(t.Context(), "token-1", connection.ReasonClientClosed)
		},
		"it is replaced": func(f fixture, _ *connections.Manager) {
			f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-1"), replaced)
			f.connect(t, "a", "token-2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			registry := &hookedRegistry{Registry: f.registry}
			m := f.over(registry)
			f.Manager = m
			registry.afterPut = func() {
				registry.afterPut = nil
				leave(f, m)
				if got := f.metrics.connects.Load() - f.metrics.disconnects.Load(); got < 0 {
					t.Errorf("a scrape would see %d connections", got)
				}
			}
			f.connect(t, "a", "token-1")
			if got, want := f.metrics.connects.Load()-f.metrics.disconnects.Load(), int64(f.registry.Count()); got != want {
				t.Errorf("counted are %d connections, there are %d", got, want)
			}
		})
	}
}

func TestAStreamFoundWhileItsRequestIDConnectsIsCountedAndObservedOnce(t *testing.T) { // C5, C8, C9
	for _, token := range []connection.Token{"token-1", "token-2"} {
		t.Run("by "+string(token), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t) // its sender expects no call: a stream that connected needs no reset
				registry := &hookedRegistry{Registry: f.registry}
				m := f.over(registry)
				f.Manager = m
				observed := 0
				f.observe("all", func(context.Context, connection.Connection) error { observed++; return nil })
				registry.afterByRequestID = func() {
					registry.afterByRequestID = nil
					f.open(t, "a", token)
				}
				m.Found(t.Context(), "a", "token-1")
				synctest.Wait()
				if observed != 1 {
					t.Errorf("the observer was called %d times, want once", observed)
				}
				f.metrics.want(t, 1, 0)
				if err := m.Stop(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
