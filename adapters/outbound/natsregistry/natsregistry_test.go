package natsregistry_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/adapters/outbound/natsregistry"
	"heliograph/domain/connection"
	"heliograph/test/contract/heritagecontract"
	"heliograph/test/contract/registrycontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inProcess is a broker of the test's own, without files.
func inProcess(t *testing.T) *natsbroker.Broker {
	t.Helper()
	cfg := natsbroker.Config{Dir: t.TempDir(), InMemory: true, Name: "test"}
	broker, err := natsbroker.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	return broker
}

func open(t *testing.T, broker *natsbroker.Broker, node string) *natsregistry.Registry {
	t.Helper()
	r, err := natsregistry.Open(t.Context(), broker, node)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func put(t *testing.T, r *natsregistry.Registry, c connection.Connection) (before connection.Connection) {
	t.Helper()
	before, err := r.Put(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return before
}

func TestRegistryContract(t *testing.T) {
	registrycontract.Run(t, func(t *testing.T) registrycontract.Subject {
		r := open(t, inProcess(t), "node-1")
		return registrycontract.Subject{Registry: r, Roster: r, Node: "node-1"}
	})
}

func TestHeritageContract(t *testing.T) {
	heritagecontract.Run(t, func(t *testing.T) heritagecontract.Subject {
		broker := inProcess(t)
		r := open(t, broker, "node-1")
		return heritagecontract.Subject{
			Node: "node-1", Registry: r, Roster: r, Heritage: r, OtherNode: "node-2", Other: open(t, broker, "node-2"),
		}
	})
}

var (
	old   = connection.Connection{RequestID: "..~a", Token: "old", Node: "node-1"}
	newer = connection.Connection{RequestID: "..~a", Token: "new", Node: "node-2"}
)

func TestOneConnectionPerRequestIDHoldsAcrossNodes(t *testing.T) { // C1, C3, C4, C9
	broker := inProcess(t)
	one, two := open(t, broker, "node-1"), open(t, broker, "node-2")
	put(t, one, old)
	if before := put(t, two, newer); before != old {
		t.Errorf("node 2 replaced %+v, want %+v", before, old)
	}
	if c, err := one.ByRequestID(t.Context(), old.RequestID); err != nil || c != newer {
		t.Errorf("node 1 finds %+v, %v", c, err)
	}
	if _, err := one.ByToken(t.Context(), old.Token); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("the replaced token: %v, want ErrNotFound", err)
	}
	if one.Count() != 1 || two.Count() != 1 {
		t.Errorf("the nodes own %d and %d streams, want one each until the old one has ended", one.Count(), two.Count())
	}
	if c, err := one.Remove(t.Context(), old.Token); err != nil || c != old || one.Count() != 0 {
		t.Errorf("the end of the old stream: %+v, %v, %d left", c, err, one.Count())
	}
	if _, err := one.Remove(t.Context(), old.Token); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("the same again: %v, want ErrNotFound", err)
	}
	if c, err := one.Remove(t.Context(), newer.Token); err != nil || c != newer { // its gateway asked node 1
		t.Errorf("the end of the new stream: %+v, %v", c, err)
	}
}

func TestLeftoversAreAdopted(t *testing.T) { // C8
	broker := inProcess(t)
	put(t, open(t, broker, "node-1"), old)
	put(t, open(t, broker, "node-2"), connection.Connection{RequestID: "b", Token: "b", Node: "node-2"})
	r := open(t, broker, "node-1")
	if r.Count() != 0 {
		t.Errorf("%d connections before anything was adopted", r.Count())
	}
	if err := r.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	for c := range r.All() {
		if c != old {
			t.Errorf("adopted is %+v", c)
		}
	}
	if r.Count() != 1 {
		t.Errorf("%d connections were adopted, want 1", r.Count())
	}
}

func TestLeftoversAreCleared(t *testing.T) {
	broker := inProcess(t)
	put(t, open(t, broker, "node-1"), old)
	other := connection.Connection{RequestID: "b", Token: "b", Node: "node-2"}
	put(t, open(t, broker, "node-2"), other)
	r := open(t, broker, "node-1")
	for range 2 {
		if err := r.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.ByRequestID(t.Context(), old.RequestID); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("own: %v, want ErrNotFound", err)
	}
	if _, err := r.ByToken(t.Context(), old.Token); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("own token: %v, want ErrNotFound", err)
	}
	if c, err := r.ByRequestID(t.Context(), "b"); err != nil || c != other {
		t.Errorf("of another node: %+v, %v", c, err)
	}
}

func TestAnEndedContextEndsTheSearchForLeftovers(t *testing.T) {
	r := open(t, inProcess(t), "node-1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Adopt(ctx); err == nil {
		t.Error("no error")
	}
}

func TestWhoIsAloneAdoptsConnectionsOfAllNames(t *testing.T) { // C8: a container's host name changes
	broker := inProcess(t)
	put(t, open(t, broker, ""), old)
	put(t, open(t, broker, ""), connection.Connection{RequestID: "b", Token: "b", Node: "node-2"})
	r := open(t, broker, "")
	if err := r.Adopt(t.Context()); err != nil || r.Count() != 2 {
		t.Errorf("%d connections were adopted, %v", r.Count(), err)
	}
}
