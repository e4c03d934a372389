// Package receiptscontract is the contract of appevent.Receipts, as tests.
package receiptscontract

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/appevent"
	"heliograph/domain/event"
)

// Subject is what is tested.
type Subject struct {
	// Receipts and Other are two nodes; Other may be the same as Receipts for a service of
	// one node.
	Receipts, Other appevent.Receipts
}

// Run tests what fresh makes, a new one each time, which remembers for so long.
func Run(t *testing.T, fresh func(t *testing.T, keep time.Duration) Subject) {
	for _, c := range []struct {
		name string
		keep time.Duration
		test func(t *testing.T, s Subject)
	}{
		{"E11 a settled receipt is known on every node, as it was", appevent.KeyTime, settled},
		{"E11 of claims at the same time one is the first, and the others get its receipt", appevent.KeyTime, race},
		{"E11 a key whose claim was dropped is a new one", appevent.KeyTime, dropped},
		{"E11 a claim that was left is repeated under the same ID", appevent.KeyTime, left},
		{"E11 keys of different owners never meet", appevent.KeyTime, owners},
		{"E11 the first receipt of a claim stays", appevent.KeyTime, once},
		{"E11 a claim that is gone settles and drops nothing", appevent.KeyTime, stale},
		{"E11 a key whose time is over is a new one", time.Nanosecond, old},
		{"a call that has ended changes nothing", appevent.KeyTime, ended},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t, c.keep)) })
	}
}

var (
	key     = appevent.Key{Owner: "ann", Text: "order 4711 – “ü”"}
	logged  = appevent.Receipt{ID: event.ID{Epoch: "k3v9", Seq: 1<<64 - 1}, Delivered: true}
	missed  = appevent.Receipt{}
	private = appevent.Receipt{Delivered: true}
)

func claim(t *testing.T, r appevent.Receipts, k appevent.Key) appevent.Claim {
	t.Helper()
	c, err := r.Claim(t.Context(), k)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	if c.ID == "" {
		t.Error("a claim has no ID")
	}
	return c
}

// first claims a key that nobody has.
func first(t *testing.T, r appevent.Receipts, k appevent.Key) appevent.Claim {
	t.Helper()
	c := claim(t, r, k)
	if c.Receipt != nil || c.Repeated {
		t.Fatalf("the claim of %+v is %+v, want a new one", k, c)
	}
	return c
}

func settle(t *testing.T, r appevent.Receipts, k appevent.Key, c appevent.Claim, receipt appevent.Receipt) {
	t.Helper()
	if err := r.Settle(t.Context(), k, c, receipt); err != nil {
		t.Errorf("Settle: %v", err)
	}
}

func want(t *testing.T, r appevent.Receipts, k appevent.Key, receipt appevent.Receipt) {
	t.Helper()
	if diff := cmp.Diff(&receipt, claim(t, r, k).Receipt); diff != "" {
		t.Errorf("receipt of %+v (-want +got):\n%s", k, diff)
	}
}

func settled(t *testing.T, s Subject) {
	for text, receipt := range map[string]appevent.Receipt{"logged": logged, "private": private, "missed": missed} {
		k := appevent.Key{Text: text}
		settle(t, s.Receipts, k, first(t, s.Receipts, k), receipt)
		want(t, s.Receipts, k, receipt)
		want(t, s.Other, k, receipt)
	}
}

func race(t *testing.T, s Subject) {
	const callers = 16
	var all sync.WaitGroup
	var mu sync.Mutex
	firsts := 0
	for i := range callers {
		r := s.Receipts
		if i%2 == 0 {
			r = s.Other
		}
		all.Go(func() {
			c, err := r.Claim(t.Context(), key)
			if err != nil {
				t.Errorf("Claim: %v", err)
				return
			}
			if c.Receipt != nil {
				if *c.Receipt != logged {
					t.Errorf("receipt is %+v", c.Receipt)
				}
				return
			}
			mu.Lock()
			firsts++
			mu.Unlock()
			settle(t, r, key, c, logged)
		})
	}
	all.Wait()
	if firsts != 1 {
		t.Errorf("%d callers were the first", firsts)
	}
}

func dropped(t *testing.T, s Subject) {
	c := first(t, s.Receipts, key)
	if err := s.Receipts.Drop(t.Context(), key, c); err != nil {
		t.Errorf("Drop: %v", err)
	}
	if again := first(t, s.Other, key); again.ID == c.ID {
		t.Error("two claims have the same ID")
	}
}

func left(t *testing.T, s Subject) {
	c := first(t, s.Receipts, key)
	again := claim(t, s.Other, key)
	if !again.Repeated || again.Receipt != nil || again.ID != c.ID {
		t.Errorf("%+v, want the claim %q, repeated", again, c.ID)
	}
	settle(t, s.Other, key, again, logged)
	want(t, s.Receipts, key, logged)
}

func owners(t *testing.T, s Subject) {
	for _, k := range []appevent.Key{
		{Owner: "", Text: "ab:c"},
		{Owner: "a", Text: "b:c"},
		{Owner: "ab", Text: ":c"},
		{Owner: "ab:", Text: "c"},
		{Owner: "1:a", Text: "bc"},
		{Owner: "bob", Text: key.Text},
		key,
	} {
		settle(t, s.Receipts, k, first(t, s.Receipts, k), missed)
	}
}

func once(t *testing.T, s Subject) {
	c := first(t, s.Receipts, key)
	settle(t, s.Receipts, key, c, logged)
	settle(t, s.Other, key, c, missed)
	if err := s.Other.Drop(t.Context(), key, c); err != nil {
		t.Errorf("Drop: %v", err)
	}
	want(t, s.Receipts, key, logged)
}

func stale(t *testing.T, s Subject) {
	c := first(t, s.Receipts, key)
	if err := s.Receipts.Drop(t.Context(), key, c); err != nil {
		t.Errorf("Drop: %v", err)
	}
	settle(t, s.Receipts, key, c, missed)
	newer := first(t, s.Receipts, key)
	settle(t, s.Receipts, key, c, missed)
	if err := s.Receipts.Drop(t.Context(), key, c); err != nil {
		t.Errorf("Drop: %v", err)
	}
	settle(t, s.Receipts, key, newer, logged)
	want(t, s.Other, key, logged)
}

func old(t *testing.T, s Subject) {
	settle(t, s.Receipts, key, first(t, s.Receipts, key), logged)
	first(t, s.Other, key)
	first(t, s.Receipts, key)
}

func ended(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Receipts.Claim(ctx, key); !errors.Is(err, context.Canceled) {
		t.Errorf("Claim: %v, want the context's error", err)
	}
	first(t, s.Other, key)
}
