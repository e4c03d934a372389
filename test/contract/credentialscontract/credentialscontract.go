// Package credentialscontract is the contract of connection.Credentials, as tests.
package credentialscontract

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Subject is what is tested, without streams.
type Subject struct {
	Credentials connection.Credentials
	// Open opens a stream of p, on a node that may be another one than is asked.
	Open func(t *testing.T, id connection.RequestID, token connection.Token, p *access.Principal)
	// End ends a stream.
	End func(t *testing.T, token connection.Token)
	// Principal returns that which the registry has for a request_id; nil is none.
	Principal func(t *testing.T, id connection.RequestID) *access.Principal
}

// Option names a clause that a subject cannot keep, and why.
type Option func(*suite)

// NoAnonymous is for one whose streams all have a principal.
func NoAnonymous(why string) Option { return func(s *suite) { s.noAnonymous = why } }

type suite struct{ noAnonymous string }

// Run tests what fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject, options ...Option) {
	var s suite
	for _, o := range options {
		o(&s)
	}
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"A17 an open stream gets the new credential of its principal", renews},
		{"A17 the order of roles does not matter", roles},
		{"A17 a credential of another subject, or that sees other things, is refused and changes nothing", others},
		{"A17 a stream without a principal has no credential to renew", s.anonymous},
		{"a stream that is not open is not found", notFound},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// principal returns the one that streams are opened with, and whose credential ends then.
func principal(ends time.Time) access.Principal {
	return access.Principal{
		Subject: "ann", Roles: []string{"sales", "support"}, Scopes: access.ScopesOf(access.Stream), CredentialID: "first", Expires: ends,
	}
}

func inHours(n int) time.Time {
	return time.Now().Add(time.Duration(n) * time.Hour).UTC().Truncate(time.Second)
}

func (s Subject) open(t *testing.T) *access.Principal {
	t.Helper()
	p := principal(inHours(1))
	s.Open(t, "a", "token-a", &p)
	return &p
}

func (s Subject) want(t *testing.T, want *access.Principal) {
	t.Helper()
	if diff := cmp.Diff(want, s.Principal(t, "a")); diff != "" {
		t.Errorf("the principal (-want +got):\n%s", diff)
	}
}

func renews(t *testing.T, s Subject) {
	s.open(t)
	for _, ends := range []time.Time{inHours(3), inHours(2), {}} { // the new one counts, though it may be shorter
		next := principal(ends)
		next.CredentialID, next.Scopes = "next", access.ScopesOf(access.Stream, access.TasksStart)
		if err := s.Credentials.Renew(t.Context(), "a", &next); err != nil {
			t.Fatal(err)
		}
		s.want(t, &next)
	}
}

func roles(t *testing.T, s Subject) {
	s.open(t)
	next := principal(inHours(2))
	next.Roles = []string{"support", "sales", "support"}
	if err := s.Credentials.Renew(t.Context(), "a", &next); err != nil {
		t.Fatal(err)
	}
	s.want(t, &next)
}

func others(t *testing.T, s Subject) {
	first := s.open(t)
	for what, change := range map[string]func(*access.Principal){
		"another subject":        func(p *access.Principal) { p.Subject = "bob" },
		"one role less":          func(p *access.Principal) { p.Roles = p.Roles[:1] },
		"one role more":          func(p *access.Principal) { p.Roles = append(p.Roles, "board") },
		"other roles":            func(p *access.Principal) { p.Roles = []string{"sales", "board"} },
		"one that sees all":      func(p *access.Principal) { p.Scopes |= access.Scopes(access.Admin) },
		"one that sees one task": func(p *access.Principal) { p.TaskID = "task-1" },
		"no name":                func(p *access.Principal) { p.Subject = "" },
	} {
		next := principal(inHours(2))
		change(&next)
		if err := s.Credentials.Renew(t.Context(), "a", &next); !errors.Is(err, connection.ErrOtherPrincipal) {
			t.Errorf("%s: %v, want ErrOtherPrincipal", what, err)
		}
		s.want(t, first)
	}
	if err := s.Credentials.Renew(t.Context(), "a", nil); !errors.Is(err, connection.ErrOtherPrincipal) {
		t.Errorf("no principal: %v, want ErrOtherPrincipal", err)
	}
	s.want(t, first)
}

func (u suite) anonymous(t *testing.T, s Subject) {
	if u.noAnonymous != "" {
		t.Skip(u.noAnonymous)
	}
	s.Open(t, "a", "token-a", nil)
	next := principal(inHours(1))
	for _, p := range []*access.Principal{&next, nil} {
		if err := s.Credentials.Renew(t.Context(), "a", p); !errors.Is(err, connection.ErrOtherPrincipal) {
			t.Errorf("%v, want ErrOtherPrincipal", err)
		}
	}
	s.want(t, nil)
}

func notFound(t *testing.T, s Subject) {
	p := s.open(t)
	if err := s.Credentials.Renew(t.Context(), "token-a", p); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("a token in place of a request_id: %v, want ErrNotFound", err)
	}
	s.End(t, "token-a")
	if err := s.Credentials.Renew(context.WithoutCancel(t.Context()), "a", p); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("after its end: %v, want ErrNotFound", err)
	}
	if got := s.Principal(t, "a"); got != nil {
		t.Errorf("it is there again: %+v", got)
	}
}
