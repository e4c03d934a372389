// Package accessservicecontract is the contract of access.Service, as tests.
package accessservicecontract

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/domain/access"
)

// Subject is what is tested.
type Subject struct {
	Service access.Service
	// Issue returns a credential of the subject, with an ID of its own, that was issued and
	// expires then; the times count in whole seconds.
	Issue func(t *testing.T, subject, id string, issued, expires time.Time) access.Credential
	// Policy is what goes with the service.
	Policy access.Policy
}

// Run tests what fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"A9 no credential is told from a bad one", none},
		{"A2 a good credential proves its principal", good},
		{"A3 one that has ended is refused", ended},
		{"A18 what was revoked is refused, and what was issued later is not", revoked},
		{"A18 ending streams refuses nothing", endsOnly},
		{"A6 a ticket is its principal, once", ticket},
		{"A6 of uses of a ticket at the same time one succeeds", race},
		{"A6 a ticket of what was revoked meanwhile is refused", revokedTicket},
		{"A6 a ticket is no other credential, and no other credential is a ticket", kinds},
		{"A8 a token for one task reads it and nothing else", taskToken},
		{"A2 the end of a call is no refusal", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// alice returns a credential that was issued an hour ago, and ends in one.
func (s Subject) alice(t *testing.T) access.Credential {
	t.Helper()
	return s.Issue(t, "alice", "1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

func (s Subject) want(t *testing.T, c access.Credential, subject string) *access.Principal {
	t.Helper()
	p, err := s.Service.Authenticate(t.Context(), c)
	if err != nil || p == nil || p.Subject != subject {
		t.Fatalf("%+v, %v; want %q", p, err, subject)
	}
	return p
}

func (s Subject) refuse(t *testing.T, c access.Credential, code access.RefusalCode) {
	t.Helper()
	p, err := s.Service.Authenticate(t.Context(), c)
	if refused, ok := errors.AsType[*access.RefusedError](err); !ok || refused.Code != code || refused.Reason == "" || p != nil {
		t.Errorf("%+v, %v; want %s", p, err, code)
	}
}

func (s Subject) ticket(t *testing.T, p *access.Principal) access.Credential {
	t.Helper()
	text, expiresIn, err := s.Service.Ticket(t.Context(), p)
	if err != nil || text == "" || expiresIn != 30*time.Second {
		t.Fatalf("%q, %s, %v; want a ticket for 30 s", text, expiresIn, err)
	}
	return access.Credential{Source: access.FromTicket, Text: text}
}

func none(t *testing.T, s Subject) {
	if p, err := s.Service.Authenticate(t.Context(), access.Credential{}); !errors.Is(err, access.ErrNoCredential) || p != nil {
		t.Errorf("%+v, %v; want ErrNoCredential", p, err)
	}
	for _, c := range []access.Credential{
		{Source: access.FromHeader}, {Source: access.FromCookie, Text: "x"}, {Source: access.FromHeader, Text: "Basic eDp5"},
	} {
		s.refuse(t, c, access.RefusedMalformed)
	}
	for _, text := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		s.refuse(t, access.Credential{Source: access.FromTicket, Text: text}, access.RefusedUnknown)
	}
	if _, _, err := s.Service.Ticket(t.Context(), nil); !errors.Is(err, access.ErrNoCredential) {
		t.Errorf("a ticket of nobody: %v, want ErrNoCredential", err)
	}
}

func good(t *testing.T, s Subject) {
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	issued := expires.Add(-2 * time.Hour)
	c := s.Issue(t, "alice", "1", issued, expires)
	for range 2 {
		if p := s.want(t, c, "alice"); p.CredentialID != "1" || !p.Issued.Equal(issued) || !p.Expires.Equal(expires) {
			t.Errorf("it is %+v", p)
		}
	}
}

func ended(t *testing.T, s Subject) {
	s.refuse(t, s.Issue(t, "alice", "1", time.Now().Add(-3*time.Hour), time.Now().Add(-2*time.Hour)), access.RefusedExpired)
}

func revoked(t *testing.T, s Subject) {
	now := time.Now()
	first, second := s.alice(t), s.Issue(t, "alice", "2", now.Add(-time.Hour), now.Add(time.Hour))
	bob := s.Issue(t, "bob", "1", now.Add(-time.Hour), now.Add(time.Hour))
	s.revoke(t, access.Revocation{Subject: "alice", CredentialID: "1", Before: now})
	s.refuse(t, first, access.RefusedRevoked)
	s.want(t, second, "alice")
	s.want(t, bob, "bob")
	s.revoke(t, access.Revocation{Subject: "alice", Before: now})
	s.refuse(t, second, access.RefusedRevoked)
	s.want(t, bob, "bob")
	s.want(t, s.Issue(t, "alice", "3", now.Add(time.Second), now.Add(time.Hour)), "alice")
}

func (s Subject) revoke(t *testing.T, r access.Revocation) {
	t.Helper()
	if err := s.Service.Revoke(t.Context(), r); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
}

func endsOnly(t *testing.T, s Subject) {
	c := s.alice(t)
	for _, r := range []access.Revocation{{Subject: "alice"}, {CredentialID: "1"}, {RequestID: "r"}} {
		s.revoke(t, r)
		s.want(t, c, "alice")
	}
}

func ticket(t *testing.T, s Subject) {
	p := s.want(t, s.alice(t), "alice")
	c := s.ticket(t, p)
	if got := s.want(t, c, "alice"); !got.Expires.Equal(p.Expires) || !got.Issued.Equal(p.Issued) || got.Scopes != p.Scopes || got.CredentialID != p.CredentialID {
		t.Errorf("the ticket is %+v, want %+v", got, p)
	}
	for range 2 {
		s.refuse(t, c, access.RefusedUnknown)
	}
}

func race(t *testing.T, s Subject) {
	c := s.ticket(t, s.want(t, s.alice(t), "alice"))
	var good atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			if _, err := s.Service.Authenticate(t.Context(), c); err == nil {
				good.Add(1)
			}
		})
	}
	running.Wait()
	if n := good.Load(); n != 1 {
		t.Errorf("%d have succeeded, want 1", n)
	}
}

func revokedTicket(t *testing.T, s Subject) {
	p := s.want(t, s.alice(t), "alice")
	first, second := s.ticket(t, p), s.ticket(t, p)
	s.revoke(t, access.Revocation{Subject: "alice"}) // ends streams
	s.want(t, first, "alice")
	s.revoke(t, access.Revocation{Subject: "alice", Before: time.Now()})
	s.refuse(t, second, access.RefusedRevoked)
}

func kinds(t *testing.T, s Subject) {
	alice := s.alice(t)
	p := s.want(t, alice, "alice")
	c := s.ticket(t, p)
	for _, source := range []access.Source{access.FromHeader, access.FromCookie} {
		s.refuse(t, access.Credential{Source: source, Text: c.Text}, access.RefusedMalformed)
	}
	s.refuse(t, access.Credential{Source: access.FromTicket, Text: alice.Text}, access.RefusedUnknown)
	s.want(t, c, "alice")
}

func taskToken(t *testing.T, s Subject) {
	for id, scopes := range map[string][]access.Scope{
		"reads": {access.Stream, access.TasksRead}, "cancels": {access.Stream, access.TasksRead, access.TasksCancel},
	} {
		text, err := s.Service.TaskToken(t.Context(), id, id == "cancels")
		if err != nil {
			t.Fatal(err)
		}
		c := access.Credential{Source: access.FromHeader, Text: text}
		p := s.want(t, c, access.TaskSubject+id)
		if got := slices.Collect(p.Scopes.All()); !slices.Equal(got, scopes) || p.TaskID != id || len(p.Roles)+len(p.OtherScopes) > 0 {
			t.Errorf("it is %+v, want %v", p, scopes)
		}
		if left := time.Until(p.Expires); left < 11*time.Hour || left > 12*time.Hour {
			t.Errorf("it is good for %s, want twelve hours", left)
		}
		everyone, others := (*access.Audience)(nil), &access.Audience{Subjects: []string{"alice"}}
		if v := s.Policy.Viewer(p); everyone.Includes(v) || others.Includes(v) || !others.With(p.Subject).Includes(v) {
			t.Errorf("it sees what %+v does", v)
		}
		s.revoke(t, access.Revocation{Subject: p.Subject, Before: time.Now().Add(time.Second)})
		s.refuse(t, c, access.RefusedRevoked)
	}
	if text, err := s.Service.TaskToken(t.Context(), "", false); err == nil || text != "" {
		t.Errorf("a token for no task: %v", err)
	}
}

func cancelled(t *testing.T, s Subject) {
	c := s.ticket(t, s.want(t, s.alice(t), "alice"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Service.Authenticate(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
	s.want(t, c, "alice")
}
