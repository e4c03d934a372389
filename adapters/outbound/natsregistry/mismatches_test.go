package natsregistry_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsregistry"
	"heliograph/domain/connection"
	"heliograph/test/natsserver"
)

// serve has r follow the records until the test's end.
func serve(t *testing.T, r *natsregistry.Registry) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := r.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
}

// mismatches waits until there are some.
func mismatches(t *testing.T, r *natsregistry.Registry) (own, left []connection.Connection) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); natsbroker.Pause(t.Context(), time.Millisecond) {
		if own, left = r.Mismatches(); len(own)+len(left) > 0 {
			return own, left
		}
	}
	t.Fatal("there is no mismatch")
	return nil, nil
}

func TestANodeLearnsWhatOthersDidToItsConnections(t *testing.T) { // C3, C9
	for name, act := range map[string]func(t *testing.T, other *natsregistry.Registry){
		"replaced": func(t *testing.T, other *natsregistry.Registry) { put(t, other, newer) },
		"dropped": func(t *testing.T, other *natsregistry.Registry) {
			if err := other.Delete(t.Context(), old); err != nil {
				t.Error(err)
			}
		},
		"taken": func(t *testing.T, other *natsregistry.Registry) {
			if _, err := other.Adopt(t.Context(), old); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			broker := brokertest.InProcess(t)
			one := open(t, broker, "node-1")
			put(t, one, old)
			put(t, one, connection.Connection{RequestID: "b", Token: "b", Node: "node-1"})
			serve(t, one)
			mismatches(t, one) // all, once it follows the records
			act(t, open(t, broker, "node-2"))
			if own, left := mismatches(t, one); len(own) != 1 || own[0] != old || len(left) != 0 {
				t.Errorf("mismatches are %+v and %+v, want %+v alone", own, left, old)
			}
		})
	}
}

func TestARecordThatAFailedPutHasLeftIsFound(t *testing.T) { // C9
	broker := brokertest.InProcess(t)
	one := open(t, broker, "node-1")
	serve(t, one)
	put(t, open(t, broker, "node-1"), old) // as if its answer was lost
	if own, left := mismatches(t, one); len(own) != 0 || len(left) != 1 || left[0] != old {
		t.Errorf("mismatches are %+v and %+v, want that %+v is left", own, left, old)
	}
	if err := one.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	put(t, one, old)
}

func TestWhileNATSIsAwayAPutFailsAndLeavesNothing(t *testing.T) { // C9, G8
	server := natsserver.Start(t)
	r := open(t, brokertest.Open(t, natsbroker.Config{URL: server.URL()}), "node-1")
	server.Away()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Put(ctx, old); err == nil || r.Count() != 0 {
		t.Errorf("put: %v, and the roster has %d", err, r.Count())
	}
	server.Back(t)
	put(t, r, newer)
	if _, err := r.Remove(t.Context(), newer.Token); err != nil || r.Count() != 0 {
		t.Errorf("remove: %v, and the roster has %d", err, r.Count())
	}
}

func TestConnectionThatEndedBeforeItsPutFailedCountsAsPut(t *testing.T) { // C9: its end was counted
	for name, put := range map[string]func(*natsregistry.Registry, context.Context, connection.Connection) (connection.Connection, error){
		"put": (*natsregistry.Registry).Put, "put if new": (*natsregistry.Registry).PutNew,
	} {
		t.Run(name, func(t *testing.T) {
			server := natsserver.Start(t)
			r := open(t, brokertest.Open(t, natsbroker.Config{URL: server.URL()}), "node-1")
			server.Away()
			ctx, cancel := context.WithCancel(t.Context())
			var putting sync.WaitGroup
			putting.Go(func() {
				if before, err := put(r, ctx, old); err != nil || before != (connection.Connection{}) {
					t.Errorf("%+v, %v; want that nothing was there before", before, err)
				}
			})
			for r.Count() == 0 {
				natsbroker.Pause(t.Context(), time.Millisecond)
			}
			if _, err := r.Remove(t.Context(), old.Token); err != nil {
				t.Error(err)
			}
			cancel()
			putting.Wait()
		})
	}
}
