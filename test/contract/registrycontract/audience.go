package registrycontract

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// join registers the connection of a principal, whose token is that of its request_id.
func (s Subject) join(t *testing.T, id connection.RequestID, p *access.Principal) {
	t.Helper()
	c := connection.Connection{RequestID: id, Token: "token-" + connection.Token(id), Node: s.Node, Principal: p}
	if _, err := s.Registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// wantIn checks the request_ids, with spaces between them, of what a roster yields.
func wantIn(t *testing.T, what string, seq iter.Seq[connection.Connection], want string) {
	t.Helper()
	var got []string
	for c := range seq {
		got = append(got, string(c.RequestID))
	}
	slices.Sort(got)
	if got := strings.Join(got, " "); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// crowd registers connections of all kinds.
func (s Subject) crowd(t *testing.T) {
	t.Helper()
	s.join(t, "anonymous", nil)
	s.join(t, "ann-1", &access.Principal{Subject: "ann", Roles: []string{"sales", "staff"}})
	s.join(t, "ann-2", &access.Principal{Subject: "ann", Roles: []string{"sales", "staff"}})
	s.join(t, "bob", &access.Principal{Subject: "bob", Roles: []string{"staff"}})
	s.join(t, "boss", &access.Principal{Subject: "eve", Scopes: access.ScopesOf(access.Admin)})
	s.join(t, "one-task", &access.Principal{Subject: access.TaskSubject + "7", TaskID: "7"})
}

func rosterInAudience(t *testing.T, s Subject) {
	s.crowd(t)
	for _, test := range []struct {
		audience *access.Audience
		want     string
	}{
		{&access.Audience{Subjects: []string{"ann"}}, "ann-1 ann-2 boss"},
		{&access.Audience{Subjects: []string{"ann", "ann"}, Roles: []string{"sales"}}, "ann-1 ann-2 boss"},
		{&access.Audience{Roles: []string{"staff"}}, "ann-1 ann-2 bob boss"},
		{&access.Audience{Roles: []string{"ann"}}, "boss"},
		{&access.Audience{RequestIDs: []string{"anonymous", "ann-1", "anonymous", "unknown"}, Subjects: []string{"ann"}}, "ann-1 ann-2 anonymous boss"},
		{&access.Audience{RequestIDs: []string{"boss"}}, "boss"},
		{&access.Audience{Subjects: []string{access.TaskSubject + "7"}}, "boss one-task"},
		{&access.Audience{Subjects: []string{"nobody"}}, "boss"},
	} {
		wantIn(t, fmt.Sprintf("%+v", test.audience), s.Roster.In(test.audience), test.want)
	}
	for range s.Roster.In(&access.Audience{Roles: []string{"staff"}}) {
		break // it may stop early
	}
}

func rosterInAudienceLeft(t *testing.T, s Subject) {
	s.crowd(t)
	if _, err := s.Registry.Remove(t.Context(), "token-ann-1"); err != nil {
		t.Fatal(err)
	}
	second := connection.Connection{RequestID: "ann-2", Token: "token-other", Node: s.Node, Principal: &access.Principal{Subject: "ann"}}
	if _, err := s.Registry.Put(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "ann's", s.Roster.In(&access.Audience{Subjects: []string{"ann"}}), "ann-2 boss")
	wantIn(t, "sales", s.Roster.In(&access.Audience{Roles: []string{"sales"}}), "boss")
	second.Principal = &access.Principal{Subject: "ann", Roles: []string{"sales"}}
	if _, err := s.Registry.Put(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "sales, after it was put again", s.Roster.In(&access.Audience{Roles: []string{"sales"}}), "ann-2 boss")
	for i := range 20 { // many of one subject
		s.join(t, connection.RequestID(fmt.Sprint(i)), &access.Principal{Subject: "cat"})
	}
	for i := range 19 {
		if _, err := s.Registry.Remove(t.Context(), connection.Token(fmt.Sprint("token-", i))); err != nil {
			t.Fatal(err)
		}
	}
	wantIn(t, "cat's", s.Roster.In(&access.Audience{Subjects: []string{"cat"}}), "19 boss")
}

func rosterSingle(t *testing.T, s Subject) {
	s.crowd(t)
	wantIn(t, "everyone", s.Roster.In(nil), "ann-1 ann-2 anonymous bob boss")
	wantIn(t, "single", s.Roster.Single(), "one-task")
	if _, err := s.Registry.Remove(t.Context(), "token-one-task"); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "single, after it has left", s.Roster.Single(), "")
}
