package registrycontract

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// principal returns one of the subject, with all that a registry has to keep.
func principal(subject string, expires time.Time) *access.Principal {
	return &access.Principal{
		Subject: subject, Roles: []string{"<sales>", "ärzte"}, Scopes: access.ScopesOf(access.Stream, access.TasksRead), OtherScopes: []string{"reports"},
		Expires: expires, Issued: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC), CredentialID: "jti-" + subject,
		TaskTypes: []string{"report"}, TaskID: "task-1",
	}
}

// inAnHour is when credentials end; registries may keep whole seconds only.
func inAnHour() time.Time { return time.Now().Add(time.Hour).UTC().Truncate(time.Second) }

// putAs registers a connection of a principal as a, which must replace before.
func (s Subject) putAs(t *testing.T, token connection.Token, p *access.Principal, before connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: "a", Token: token, Node: s.Node, Principal: p}
	if was, err := s.Registry.Put(t.Context(), c); err != nil || was.Token != before {
		t.Fatalf("Put(a, %s) = %+v, %v; want %q from before", token, was, err, before)
	}
	return c
}

// wantPrincipal checks what every way to c says of its principal.
func (s Subject) wantPrincipal(t *testing.T, c connection.Connection) {
	t.Helper()
	byID, err := s.Registry.ByRequestID(t.Context(), c.RequestID)
	byToken, err2 := s.Registry.ByToken(t.Context(), c.Token)
	found := map[string]connection.Connection{"ByRequestID": byID, "ByToken": byToken}
	for listed := range s.Roster.All() {
		if listed.Token == c.Token {
			found["All"] = listed
		}
	}
	if err = errors.Join(err, err2); err != nil || len(found) != 3 {
		t.Errorf("%s is found by %d of 3 ways, %v", c.RequestID, len(found), err)
	}
	for way, got := range found {
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way, diff)
		}
	}
}

func subjectTaken(t *testing.T, s Subject) {
	owner := s.putAs(t, "token-a", principal("ann", inAnHour()), "")
	for _, c := range []connection.Connection{
		{RequestID: "a", Token: "token-b", Node: s.Node, Principal: principal("bob", inAnHour())},
		{RequestID: "a", Token: "token-a", Node: s.Node, Principal: principal("bob", time.Time{})},
	} {
		if before, err := s.Registry.Put(t.Context(), c); !errors.Is(err, connection.ErrRequestIDTaken) || before.Token != "" {
			t.Errorf("Put of %s by another subject: %+v, %v; want ErrRequestIDTaken", c.Token, before, err)
		}
	}
	s.wantPrincipal(t, owner)
	s.wantNoToken(t, "token-b")
	s.wantCount(t, 1)
	if _, err := s.Registry.Remove(t.Context(), "token-a"); err != nil {
		t.Fatal(err)
	}
	s.wantPrincipal(t, s.putAs(t, "token-b", principal("bob", inAnHour()), "")) // it is free once its stream has ended
}

func sameSubjectReplaces(t *testing.T, s Subject) {
	s.put(t, "a", "anonymous")
	s.putAs(t, "first", principal("ann", inAnHour()), "anonymous")
	s.wantPrincipal(t, s.putAs(t, "second", principal("ann", time.Time{}), "first"))
	s.wantNoToken(t, "first")
	s.wantPrincipal(t, s.putAs(t, "third", nil, "second")) // authentication was turned off
	s.wantCount(t, 1)
}

func expiredHoldsNothing(t *testing.T, s Subject) {
	s.putAs(t, "token-a", principal("ann", time.Now().Add(-time.Second).UTC().Truncate(time.Second)), "")
	bob := connection.Connection{RequestID: "a", Token: "token-b", Node: s.Node, Principal: principal("bob", inAnHour())}
	if _, err := s.Registry.Put(t.Context(), bob); err != nil { // the stream that it replaces may be ended meanwhile
		t.Fatal(err)
	}
	s.wantPrincipal(t, bob)
	s.wantNoToken(t, "token-a")
}

func subjectRace(t *testing.T, s Subject) {
	const subjects = 8
	won := make(chan connection.Connection, subjects)
	var all sync.WaitGroup
	for i := range subjects {
		all.Go(func() {
			c := connection.Connection{
				RequestID: "a", Token: connection.Token(fmt.Sprintf("token-%d", i)), Node: s.Node,
				Principal: principal(fmt.Sprintf("subject-%d", i), inAnHour()),
			}
			switch before, err := s.Registry.Put(t.Context(), c); {
			case err == nil && before.Token == "":
				won <- c
			case !errors.Is(err, connection.ErrRequestIDTaken):
				t.Errorf("Put by %s: %+v, %v", c.Subject(), before, err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Fatalf("%d subjects got it", len(won))
	}
	s.wantPrincipal(t, <-won)
	s.wantCount(t, 1)
}

func principalPutAgain(t *testing.T, s Subject) {
	first := s.putAs(t, "token-a", principal("ann", inAnHour()), "")
	again := first
	again.Principal = principal("ann", inAnHour().Add(time.Hour))
	if before, err := s.Registry.Put(t.Context(), again); err != nil || !before.Same(first) {
		t.Errorf("Put again: %+v, %v; want %+v from before", before, err, first)
	}
	s.wantPrincipal(t, again)
	s.wantCount(t, 1)
}

func renews(t *testing.T, s Subject) {
	c := s.putAs(t, "token-a", principal("ann", inAnHour()), "")
	c.Principal = principal("ann", inAnHour().Add(time.Hour))
	if err := s.Registry.Renew(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s.wantPrincipal(t, c)
	s.putAs(t, "token-b", principal("ann", inAnHour()), "token-a")
	gone := connection.Connection{RequestID: "b", Token: "token-c", Node: s.Node, Principal: c.Principal}
	for _, c := range []connection.Connection{c, gone} {
		if err := s.Registry.Renew(t.Context(), c); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("Renew of %s: %v, want ErrNotFound", c.Token, err)
		}
		s.wantNoToken(t, c.Token)
	}
	s.wantCount(t, 1)
}
