package natsregistry_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsregistry"
	"heliograph/domain/connection"
	"heliograph/test/contract/orphanscontract"
	"heliograph/test/contract/registrycontract"
	"heliograph/test/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natsserver.Leaks()...) }

var silent = slog.New(slog.DiscardHandler)

func open(t *testing.T, broker *natsbroker.Broker, node string) *natsregistry.Registry {
	t.Helper()
	return openWith(t, broker, natsregistry.Config{Node: node, Index: node != ""})
}

func openWith(t *testing.T, broker *natsbroker.Broker, cfg natsregistry.Config) *natsregistry.Registry {
	t.Helper()
	r, err := natsregistry.Open(t.Context(), broker, cfg, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flush(t, r) })
	return r
}

func flush(t *testing.T, r *natsregistry.Registry) {
	t.Helper()
	if err := r.Flush(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
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
	for name, cfg := range map[string]natsregistry.Config{
		"with an index":    {Node: "node-1", Index: true},
		"without an index": {Node: "node-1"},
		"alone":            {},
	} {
		t.Run(name, func(t *testing.T) {
			registrycontract.Run(t, func(t *testing.T) registrycontract.Subject {
				r := openWith(t, brokertest.InProcess(t), cfg)
				return registrycontract.Subject{Registry: r, Roster: r, Node: "node-1"}
			})
		})
	}
}

func TestOrphansContract(t *testing.T) {
	orphanscontract.Run(t, func(t *testing.T) orphanscontract.Subject {
		broker := brokertest.InProcess(t)
		r := open(t, broker, "node-1")
		return orphanscontract.Subject{
			Node: "node-1", Registry: r, Roster: r, Orphans: r, OtherNode: "node-2", Other: open(t, broker, "node-2"),
		}
	})
}

var (
	old   = connection.Connection{RequestID: "..~a", Token: "old", Node: "node-1"}
	newer = connection.Connection{RequestID: "..~a", Token: "new", Node: "node-2"}
)

func TestOneConnectionPerRequestIDHoldsAcrossNodes(t *testing.T) { // C1, C3, C4, C9
	broker := brokertest.InProcess(t)
	one, two := open(t, broker, "node-1"), open(t, broker, "node-2")
	put(t, one, old)
	if before := put(t, two, newer); before != old {
		t.Errorf("node 2 replaced %+v, want %+v", before, old)
	}
	if c, err := one.ByRequestID(t.Context(), old.RequestID); err != nil || c != newer {
		t.Errorf("node 1 finds %+v, %v", c, err)
	}
	if _, err := two.ByToken(t.Context(), old.Token); !errors.Is(err, connection.ErrNotFound) {
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

// The record of a connection that has ended stays until it is deleted in the
// background. What it says of its token counts no more, for the token may be in use
// under another request_id.
func TestATokenIsFreeBeforeTheRecordThatNamedItIsDeleted(t *testing.T) { // C1, C9
	for name, cfg := range map[string]natsregistry.Config{
		"with an index": {Node: "node-1", Index: true}, "without an index": {Node: "node-1"}, "alone": {},
	} {
		t.Run(name, func(t *testing.T) {
			r := openWith(t, brokertest.InProcess(t), cfg)
			defer r.HoldDeletes()()
			ended := connection.Connection{RequestID: "a", Token: "token", Node: "node-1"}
			reused := connection.Connection{RequestID: "b", Token: "token", Node: "node-1"}
			next := connection.Connection{RequestID: "a", Token: "next", Node: "node-1"}
			put(t, r, ended)
			if _, err := r.Remove(t.Context(), ended.Token); err != nil {
				t.Fatal(err)
			}
			put(t, r, reused)
			if c, err := r.ByRequestID(t.Context(), "a"); !errors.Is(err, connection.ErrNotFound) {
				t.Errorf("a is %+v, %v; want ErrNotFound", c, err)
			}
			if left, err := r.List(t.Context(), func(string) bool { return false }); err != nil || len(left) != 1 || left[0] != ended {
				t.Errorf("left are %+v, %v; want %+v", left, err, ended)
			}
			if before := put(t, r, next); before != (connection.Connection{}) {
				t.Errorf("replaced %+v, which had ended", before)
			}
			for _, want := range []connection.Connection{reused, next} {
				if c, err := r.ByRequestID(t.Context(), want.RequestID); err != nil || c != want {
					t.Errorf("%s is %+v, %v; want %+v", want.RequestID, c, err, want)
				}
				if c, err := r.ByToken(t.Context(), want.Token); err != nil || c != want {
					t.Errorf("%s is %+v, %v; want %+v", want.Token, c, err, want)
				}
			}
			if r.Count() != 2 {
				t.Errorf("%d connections are in the roster, want 2", r.Count())
			}
		})
	}
}

func TestAConnectionThatComesBackWhileItsEndIsRecordedIsFound(t *testing.T) { // C1
	broker := brokertest.InProcess(t)
	one, two := open(t, broker, "node-1"), open(t, broker, "node-2")
	for range 50 {
		put(t, one, old)
		if _, err := one.Remove(t.Context(), old.Token); err != nil {
			t.Fatal(err)
		}
		put(t, one, old)
		flush(t, one)
		if c, err := two.ByToken(t.Context(), old.Token); err != nil || c != old {
			t.Fatalf("another node finds %+v, %v; want %+v", c, err, old)
		}
	}
}

func TestLeftoversAreAdopted(t *testing.T) { // C8
	broker := brokertest.InProcess(t)
	put(t, open(t, broker, "node-1"), old)
	put(t, open(t, broker, "node-2"), connection.Connection{RequestID: "b", Token: "b", Node: "node-2"})
	r := open(t, broker, "node-1")
	if r.Count() != 0 {
		t.Errorf("%d connections before anything was adopted", r.Count())
	}
	if err := r.AdoptRecorded(t.Context()); err != nil {
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

func TestAConnectIsTwoRoundTripsAndADisconnectOne(t *testing.T) {
	broker := brokertest.InProcess(t)
	r := openWith(t, broker, natsregistry.Config{Node: "node-1"})
	asked := broker.Conn().Stats().OutMsgs
	want := func(what string, n uint64) {
		t.Helper()
		if got := broker.Conn().Stats().OutMsgs - asked; got != n {
			t.Errorf("%s takes %d requests, want %d", what, got, n)
		}
		asked = broker.Conn().Stats().OutMsgs
	}
	put(t, r, old)
	want("the first connect", 2)
	if _, err := r.ByToken(t.Context(), old.Token); err != nil {
		t.Error(err)
	}
	want("to find it", 0)
	if _, err := r.Remove(t.Context(), old.Token); err != nil {
		t.Error(err)
	}
	flush(t, r)
	want("its end", 1)
	put(t, r, old)
	want("to come back", 2)
}

func TestAConnectionThatEndedWhileItsRecordWasWrittenLeavesNone(t *testing.T) { // C9
	broker := brokertest.InProcess(t)
	r := openWith(t, broker, natsregistry.Config{Node: "node-1"})
	for range 200 {
		var both sync.WaitGroup
		both.Go(func() { put(t, r, old) })
		both.Go(func() {
			for errors.Is(second(r.Remove(t.Context(), old.Token)), connection.ErrNotFound) {
				runtime.Gosched()
			}
		})
		both.Wait()
		flush(t, r)
		if c, _ := openWith(t, broker, natsregistry.Config{Node: "node-2"}).ByRequestID(t.Context(), old.RequestID); c.Token != "" {
			t.Fatalf("there still is %+v", c)
		}
		if r.Count() != 0 {
			t.Fatalf("%d are in the roster", r.Count())
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnEndedContextEndsTheSearchForLeftovers(t *testing.T) {
	r := open(t, brokertest.InProcess(t), "node-1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.AdoptRecorded(ctx); err == nil {
		t.Error("no error")
	}
}

func TestASingleNodeAdoptsConnectionsOfAllNames(t *testing.T) { // C8: a container's host name changes
	broker := brokertest.InProcess(t)
	put(t, open(t, broker, ""), old)
	put(t, open(t, broker, ""), connection.Connection{RequestID: "b", Token: "b", Node: "node-2"})
	r := open(t, broker, "")
	if err := r.AdoptRecorded(t.Context()); err != nil || r.Count() != 2 {
		t.Errorf("%d connections were adopted, %v", r.Count(), err)
	}
}

// While the record of what has ended waits to be deleted, whoever looks for connections that
// have lost their owner finds it.
func TestWhatHasEndedIsNotAdopted(t *testing.T) { // C1, C8, C9
	for name, cfg := range map[string]natsregistry.Config{"with an index": {Node: "node-1", Index: true}, "alone": {}} {
		t.Run(name, func(t *testing.T) {
			r := openWith(t, brokertest.InProcess(t), cfg)
			release := r.HoldDeletes()
			ended, back := connection.Connection{RequestID: "a", Token: "token", Node: cfg.Node}, connection.Connection{RequestID: "b", Token: "back", Node: cfg.Node}
			for _, c := range []connection.Connection{ended, back} {
				put(t, r, c)
				if _, err := r.Remove(t.Context(), c.Token); err != nil {
					t.Fatal(err)
				}
			}
			put(t, r, back)
			left, err := r.List(t.Context(), func(string) bool { return false })
			if err != nil || len(left) != 1 || left[0] != ended {
				t.Fatalf("left are %+v, %v; want %+v", left, err, ended)
			}
			for _, c := range []connection.Connection{ended, back} {
				if got, err := r.Adopt(t.Context(), c); !errors.Is(err, connection.ErrNotFound) {
					t.Errorf("adopted %+v, %v; want ErrNotFound", got, err)
				}
			}
			if c, err := r.ByRequestID(t.Context(), "a"); !errors.Is(err, connection.ErrNotFound) || r.Count() != 1 {
				t.Errorf("a is %+v, %v; %d connections are in the roster", c, err, r.Count())
			}
			release()
			flush(t, r)
			if left, err = r.List(t.Context(), func(string) bool { return false }); err != nil || len(left) != 0 || r.Writing() != 0 {
				t.Errorf("left are %+v, %v; %d writes are under way", left, err, r.Writing())
			}
		})
	}
}

// A stream that its gateway lists is there, whatever was heard of its end: it gets a record of its
// own, which the deletion of the one before leaves alone.
func TestWhatIsFoundAgainOutlivesTheDeletionOfItsRecord(t *testing.T) { // C1, C8
	for name, cfg := range map[string]natsregistry.Config{"with an index": {Node: "node-1", Index: true}, "alone": {}} {
		t.Run(name, func(t *testing.T) {
			r := openWith(t, brokertest.InProcess(t), cfg)
			release := r.HoldDeletes()
			c := connection.Connection{RequestID: "a", Token: "token", Node: cfg.Node}
			put(t, r, c)
			if _, err := r.Remove(t.Context(), c.Token); err != nil {
				t.Fatal(err)
			}
			if there, err := r.PutNew(t.Context(), c); err != nil || there.Token != "" {
				t.Fatalf("put %+v, %v; want it to be new", there, err)
			}
			release()
			flush(t, r)
			byID, err := r.ByRequestID(t.Context(), c.RequestID)
			if err != nil || byID != c || r.Count() != 1 || r.Writing() != 0 {
				t.Errorf("recorded is %+v, %v; %d are in the roster, %d writes under way", byID, err, r.Count(), r.Writing())
			}
			if own, left := r.Mismatches(); len(own)+len(left) > 0 {
				t.Errorf("%+v and %+v disagree", own, left)
			}
			if _, err := r.Remove(t.Context(), c.Token); err != nil {
				t.Fatal(err)
			}
			flush(t, r)
			if left, err := r.List(t.Context(), func(string) bool { return false }); err != nil || len(left) > 0 {
				t.Errorf("left are %+v, %v", left, err)
			}
		})
	}
}
