// Package ticketscontract is the contract of access.Tickets, as tests.
package ticketscontract

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/domain/access"
)

// Subject is what is tested.
type Subject struct {
	// Tickets and Other are two nodes; Other may be the same as Tickets for a service of
	// one node.
	Tickets, Other access.Tickets
}

// Run tests what fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"A6 a ticket carries its principal, whole", whole},
		{"A6 it is used once, on any node", once},
		{"A6 of uses at the same time one succeeds", race},
		{"A6 what was never issued is unknown", unknown},
		{"A6 one that is too old is unknown", old},
		{"A6 tickets are unguessable and safe in a URL", text},
		{"A6 a call that has ended changes nothing", ended},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

const keep = 30 * time.Second

func alice() *access.Principal {
	return &access.Principal{
		Subject: "alice", Roles: []string{"staff", "a b"}, Scopes: access.ScopesOf(access.Stream, access.TasksRead), OtherScopes: []string{"deploy"},
		Expires: time.Date(2126, 5, 4, 3, 2, 1, 500_000_000, time.UTC), Issued: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
		CredentialID: "jti", TaskTypes: []string{"import"}, TaskID: "t",
	}
}

func issue(t *testing.T, tickets access.Tickets, p *access.Principal, keep time.Duration) string {
	t.Helper()
	ticket, err := tickets.Issue(t.Context(), p, keep)
	if err != nil {
		t.Fatalf("Issue: %v", err)
	}
	return ticket
}

func want(t *testing.T, name string, tickets access.Tickets, ticket string, good bool) {
	t.Helper()
	p, known, err := tickets.Redeem(t.Context(), ticket)
	if err != nil || known != good || (p != nil) != good {
		t.Errorf("%s: %+v, %t, %v; want %t", name, p, known, err, good)
	}
}

func whole(t *testing.T, s Subject) {
	for _, want := range []*access.Principal{alice(), {Subject: "bob"}} {
		got, known, err := s.Other.Redeem(t.Context(), issue(t, s.Tickets, want, keep))
		if err != nil || !known || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %t, %v; want %+v", got, known, err, want)
		}
	}
}

func once(t *testing.T, s Subject) {
	for name, nodes := range map[string][2]access.Tickets{"here": {s.Tickets, s.Tickets}, "there": {s.Tickets, s.Other}, "back": {s.Other, s.Tickets}} {
		ticket, another := issue(t, s.Tickets, alice(), keep), issue(t, s.Tickets, alice(), keep)
		want(t, name+", first", nodes[0], ticket, true)
		want(t, name+", second", nodes[1], ticket, false)
		want(t, name+", third", nodes[0], ticket, false)
		want(t, name+", another", nodes[1], another, true)
	}
}

func race(t *testing.T, s Subject) {
	for range 10 {
		ticket := issue(t, s.Tickets, alice(), keep)
		var good atomic.Int64
		var running sync.WaitGroup
		for i := range 8 {
			node := s.Tickets
			if i%2 == 1 {
				node = s.Other
			}
			running.Go(func() {
				_, known, err := node.Redeem(t.Context(), ticket)
				if err != nil {
					t.Errorf("Redeem: %v", err)
				}
				if known {
					good.Add(1)
				}
			})
		}
		running.Wait()
		if n := good.Load(); n != 1 {
			t.Errorf("%d uses have succeeded, want 1", n)
		}
	}
}

func unknown(t *testing.T, s Subject) {
	ticket := issue(t, s.Tickets, alice(), keep)
	for _, other := range []string{"", "x", ticket + "A", ticket[1:], ".", "*", ">", "a.b", "\x00", "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		want(t, other, s.Tickets, other, false)
	}
	want(t, "the ticket itself", s.Tickets, ticket, true)
}

func old(t *testing.T, s Subject) {
	want(t, "an old one", s.Other, issue(t, s.Tickets, alice(), -time.Second), false)
}

func text(t *testing.T, s Subject) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{26,128}$`)
	seen := make(map[string]bool)
	for range 50 {
		ticket := issue(t, s.Tickets, alice(), keep)
		if seen[ticket] || !form.MatchString(ticket) {
			t.Errorf("ticket %q", ticket)
		}
		seen[ticket] = true
	}
}

func ended(t *testing.T, s Subject) {
	ticket := issue(t, s.Tickets, alice(), keep)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, known, err := s.Tickets.Redeem(ctx, ticket); !errors.Is(err, context.Canceled) || known {
		t.Errorf("Redeem: %t, %v", known, err)
	}
	if _, err := s.Tickets.Issue(ctx, alice(), keep); !errors.Is(err, context.Canceled) {
		t.Errorf("Issue: %v", err)
	}
	want(t, "later", s.Tickets, ticket, true)
}
