package natsregistry_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

func TestARequestIDIsOneSubjectsAcrossNodes(t *testing.T) { // A15
	broker := brokertest.InProcess(t)
	one, two := open(t, broker, "node-1"), open(t, broker, "node-2")
	for round := range 50 {
		id := connection.RequestID(fmt.Sprintf("id-%d", round))
		var won atomic.Int32
		var both sync.WaitGroup
		for i, r := range []connection.Registry{one, two} {
			for _, subject := range []string{"ann", "bob"} {
				c := connection.Connection{
					RequestID: id, Token: connection.Token(fmt.Sprintf("%s-%s-%d", id, subject, i)), Node: fmt.Sprintf("node-%d", i+1),
					Principal: &access.Principal{Subject: subject},
				}
				both.Go(func() {
					switch before, err := r.Put(t.Context(), c); {
					case err == nil && (before.Token == "" || before.Subject() == subject):
						won.Add(1)
					case !errors.Is(err, connection.ErrRequestIDTaken):
						t.Errorf("Put of %s: %+v, %v", c.Token, before, err)
					}
				})
			}
		}
		both.Wait()
		if won.Load() != 2 {
			t.Fatalf("%d of 4 have registered, want both of one subject", won.Load())
		}
	}
}

// A connect that is refused leaves nothing: neither in the roster, nor in the index.
func TestARefusedSubjectLeavesNothing(t *testing.T) { // A15, C9
	broker := brokertest.InProcess(t)
	one, two := open(t, broker, "node-1"), open(t, broker, "node-2")
	put(t, one, connection.Connection{RequestID: "a", Token: "ann", Node: "node-1", Principal: &access.Principal{Subject: "ann"}})
	bob := connection.Connection{RequestID: "a", Token: "bob", Node: "node-2", Principal: &access.Principal{Subject: "bob"}}
	if _, err := two.Put(t.Context(), bob); !errors.Is(err, connection.ErrRequestIDTaken) {
		t.Fatalf("Put: %v, want ErrRequestIDTaken", err)
	}
	if two.Count() != 0 {
		t.Errorf("%d are in the roster", two.Count())
	}
	flush(t, two)
	kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_connections")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil || len(keys) != 2 { // ann's record and index entry
		t.Errorf("the bucket has %q, %v", keys, err)
	}
	bob.RequestID = "b" // its token is free
	put(t, two, bob)
}

// A stream that has just ended on its node keeps no other subject away there, though its
// record is not deleted yet.
func TestAConnectionThatHasEndedHoldsNoRequestID(t *testing.T) { // A15
	r := open(t, brokertest.InProcess(t), "node-1")
	defer r.HoldDeletes()()
	put(t, r, connection.Connection{RequestID: "a", Token: "ann", Node: "node-1", Principal: &access.Principal{Subject: "ann"}})
	if _, err := r.Remove(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if before := put(t, r, connection.Connection{RequestID: "a", Token: "bob", Node: "node-1", Principal: &access.Principal{Subject: "bob"}}); before.Token != "" {
		t.Errorf("replaced %+v, which had ended", before)
	}
}

func TestAStreamThatEndsWhileItIsRenewedLeavesNoRecord(t *testing.T) { // A17, C9
	broker := brokertest.InProcess(t)
	r := open(t, broker, "node-1")
	c := connection.Connection{RequestID: "a", Token: "token", Node: "node-1", Principal: &access.Principal{Subject: "ann"}}
	for range 100 {
		put(t, r, c)
		var both sync.WaitGroup
		both.Go(func() {
			if err := r.Renew(t.Context(), c); err != nil && !errors.Is(err, connection.ErrNotFound) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := r.Remove(t.Context(), c.Token); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		flush(t, r)
		if now, err := open(t, broker, "node-2").ByRequestID(t.Context(), "a"); !errors.Is(err, connection.ErrNotFound) || r.Count() != 0 {
			t.Fatalf("there still is %+v, %v; %d in the roster", now, err, r.Count())
		}
	}
}
