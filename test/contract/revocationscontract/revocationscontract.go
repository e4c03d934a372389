// Package revocationscontract is the contract of access.Revocations, as tests.
package revocationscontract

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"heliograph/domain/access"
)

// Subject is what is tested.
type Subject struct {
	// Revocations and Other are two nodes that share what was revoked; Other may be the
	// same as Revocations for a service of one node.
	Revocations, Other access.Revocations
}

// Run tests the empty revocations that fresh makes, new ones each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"A18 nothing is refused at first", nothing},
		{"A18 what was issued before is refused and what was issued later is not", before},
		{"A18 what says not when it was issued is refused", unknown},
		{"A18 a subject, a credential, or both are named", names},
		{"A18 a later one counts and an earlier one does not take its place", later},
		{"A18 one without a time refuses nothing and is told", endsOnly},
		{"A18 every node tells those who watch once, until they stop", watch},
		{"A18 calls of a watcher come one at a time", oneAtATime},
		{"A18 names of any form are kept apart", strange},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// base is a time that NATS and JSON keep exactly.
var base = time.Now().UTC().Truncate(time.Millisecond)

func principal(subject, credential string, issued time.Time) *access.Principal {
	return &access.Principal{Subject: subject, CredentialID: credential, Issued: issued}
}

// revoke returns when both nodes know.
func (s Subject) revoke(t *testing.T, r access.Revocation) {
	t.Helper()
	told := make(chan access.Revocation, 100)
	stop := s.Other.Watch(func(r access.Revocation) { told <- r })
	defer stop()
	if err := s.Revocations.Revoke(t.Context(), r); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
	for {
		select {
		case got := <-told:
			if got.Subject == r.Subject && got.CredentialID == r.CredentialID && got.RequestID == r.RequestID {
				return
			}
		case <-t.Context().Done():
			t.Fatal("the other node was not told")
		}
	}
}

func (s Subject) want(t *testing.T, p *access.Principal, revoked bool) {
	t.Helper()
	for i, node := range []access.Revocations{s.Revocations, s.Other} {
		if got := node.Revoked(p); got != revoked {
			t.Errorf("node %d: a credential %q of %q is revoked: %t, want %t", i+1, p.CredentialID, p.Subject, got, revoked)
		}
	}
}

func nothing(t *testing.T, s Subject) {
	s.want(t, principal("alice", "", base), false)
	s.want(t, principal("alice", "1", time.Time{}), false)
	if s.Revocations.Revoked(nil) {
		t.Error("nobody is revoked")
	}
}

func before(t *testing.T, s Subject) {
	s.revoke(t, access.Revocation{Subject: "alice", Before: base})
	s.want(t, principal("alice", "", base.Add(-time.Second)), true)
	s.want(t, principal("alice", "", base), false)
	s.want(t, principal("alice", "", base.Add(time.Second)), false)
	s.want(t, principal("bob", "", base.Add(-time.Second)), false)
}

func unknown(t *testing.T, s Subject) {
	s.revoke(t, access.Revocation{Subject: "alice", Before: base})
	s.want(t, principal("alice", "", time.Time{}), true)
}

func names(t *testing.T, s Subject) {
	old := base.Add(-time.Second)
	s.revoke(t, access.Revocation{CredentialID: "1", Before: base})
	s.revoke(t, access.Revocation{Subject: "bob", CredentialID: "2", Before: base})
	s.want(t, principal("alice", "1", old), true)
	s.want(t, principal("bob", "1", old), true)
	s.want(t, principal("bob", "2", old), true)
	s.want(t, principal("bob", "3", old), false)
	s.want(t, principal("alice", "2", old), false)
	s.want(t, principal("alice", "", old), false)
}

func later(t *testing.T, s Subject) {
	s.revoke(t, access.Revocation{Subject: "alice", Before: base})
	s.revoke(t, access.Revocation{Subject: "alice", Before: base.Add(time.Minute)})
	s.want(t, principal("alice", "", base.Add(time.Second)), true)
	s.revoke(t, access.Revocation{Subject: "alice", Before: base})
	s.want(t, principal("alice", "", base.Add(time.Second)), true)
	s.revoke(t, access.Revocation{Subject: "alice"})
	s.want(t, principal("alice", "", base.Add(time.Second)), true)
}

func endsOnly(t *testing.T, s Subject) {
	s.revoke(t, access.Revocation{Subject: "alice"})
	s.revoke(t, access.Revocation{RequestID: "r"})
	s.revoke(t, access.Revocation{CredentialID: "1"})
	s.want(t, principal("alice", "1", base.Add(-time.Hour)), false)
}

func watch(t *testing.T, s Subject) {
	var mu sync.Mutex
	var got []access.Revocation
	stop := s.Other.Watch(func(r access.Revocation) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r)
	})
	all := []access.Revocation{
		{Subject: "alice", Before: base},
		{Subject: "alice"},
		{Subject: "alice"},
		{CredentialID: "1", Before: base},
		{RequestID: "r"},
		{Subject: "bob", CredentialID: "2"},
	}
	for _, r := range all {
		s.revoke(t, r)
	}
	stop()
	s.revoke(t, access.Revocation{Subject: "carol"})
	mu.Lock()
	defer mu.Unlock()
	same := func(a, b access.Revocation) bool {
		return a.Subject == b.Subject && a.CredentialID == b.CredentialID && a.RequestID == b.RequestID && a.Before.Equal(b.Before)
	}
	if !slices.EqualFunc(got, all, same) {
		t.Errorf("told were %v, want %v", got, all)
	}
}

func oneAtATime(t *testing.T, s Subject) {
	var calling sync.Mutex
	stop := s.Revocations.Watch(func(access.Revocation) {
		if !calling.TryLock() {
			t.Error("two calls at the same time")
			return
		}
		defer calling.Unlock()
	})
	defer stop()
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			if err := s.Revocations.Revoke(t.Context(), access.Revocation{Subject: fmt.Sprint(i), Before: base}); err != nil {
				t.Errorf("Revoke: %v", err)
			}
		})
	}
	running.Wait()
	s.revoke(t, access.Revocation{Subject: "last"}) // after all of them
}

func strange(t *testing.T, s Subject) {
	old := base.Add(-time.Second)
	subjects := []string{"a.b", "a", "*", ">", "a b", "ü", "A", "a/b", "auth0|1"}
	for i, subject := range subjects {
		s.revoke(t, access.Revocation{Subject: subject, Before: base})
		for _, other := range subjects[i+1:] {
			s.want(t, principal(other, "", old), false)
		}
		s.want(t, principal(subject, "", old), true)
	}
}
