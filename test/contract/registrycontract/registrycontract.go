// Package registrycontract is the contract of connection.Registry and
// connection.Roster as tests.
package registrycontract

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/connection"
)

// Subject is one empty registry under test.
type Subject struct {
	Registry connection.Registry
	Roster   connection.Roster
	// Node is the name of the node whose connections Roster lists.
	Node string
}

// Run tests the registries that fresh returns, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, clause := range clauses {
		t.Run(clause.sentence, func(t *testing.T) { clause.test(t, fresh(t)) })
	}
}

var clauses = []struct {
	sentence string
	test     func(t *testing.T, s Subject)
}{
	{"C1 a connection is found by its request_id and by its token", foundByEither},
	{"C1 what was never put is not found", neverPut},
	{"C3 a second connection replaces the first, whose token is unknown from then on", secondReplaces},
	{"C4 removing a replaced token leaves the newer connection", lateRemove},
	{"putting the same connection again changes nothing and returns it", putTwice},
	{"PutNew registers what is not there, and returns what is", putNew},
	{"A15 another subject's stream keeps its request_id, and nothing changes", subjectTaken},
	{"A15 C3 a stream of the same subject is replaced, and so is one of no subject", sameSubjectReplaces},
	{"A15 a stream whose credential has ended keeps its request_id from nobody", expiredHoldsNothing},
	{"A15 of several subjects that put a request_id at once one gets it", subjectRace},
	{"A17 putting the same connection again changes its principal only", principalPutAgain},
	{"A17 Renew changes the principal of a record that is still there", renews},
	{"a token of another request_id is refused and nothing changes", tokenTaken},
	{"a removed connection is returned and gone in both directions", removeReturns},
	{"a token that was removed may be put under another request_id", tokenFreed},
	{"the roster counts and yields every connection once", rosterYields},
	{"the roster's loop may call the registry and may stop early", rosterLoop},
	{"A12 the roster finds whom an audience is for, each once", rosterInAudience},
	{"A12 the roster finds nobody who has left", rosterInAudienceLeft},
	{"A12 what sees one task only is not in the audience of everyone", rosterSingle},
	{"C1 C9 under contention both directions agree and each connection leaves once", contention},
}

func foundByEither(t *testing.T, s Subject) {
	want := s.put(t, "a", "token-a")
	s.put(t, "b", "token-b")
	s.wantBoth(t, want)
}

func neverPut(t *testing.T, s Subject) {
	s.put(t, "a", "token-a")
	s.wantNoID(t, "token-a")
	s.wantNoToken(t, "a")
	if _, err := s.Registry.Remove(t.Context(), "other"); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("Remove of an unknown token: %v, want ErrNotFound", err)
	}
}

func secondReplaces(t *testing.T, s Subject) {
	second := s.replace(t, s.put(t, "a", "old"), "new")
	s.wantBoth(t, second)
	s.wantNoToken(t, "old")
	s.wantCount(t, 1)
}

func lateRemove(t *testing.T, s Subject) {
	newer := s.replace(t, s.put(t, "a", "old"), "new")
	if _, err := s.Registry.Remove(t.Context(), "old"); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("Remove of the replaced token: %v, want ErrNotFound", err)
	}
	s.wantBoth(t, newer)
	s.wantCount(t, 1)
}

func putTwice(t *testing.T, s Subject) {
	c := s.put(t, "a", "token-a")
	s.replace(t, c, "token-a")
	s.wantBoth(t, c)
	s.wantCount(t, 1)
}

func putNew(t *testing.T, s Subject) {
	c := connection.Connection{RequestID: "a", Token: "token-a", Node: s.Node}
	other := connection.Connection{RequestID: "a", Token: "other", Node: s.Node}
	for _, try := range []struct{ put, there connection.Connection }{{put: c}, {c, c}, {other, c}} {
		if there, err := s.Registry.PutNew(t.Context(), try.put); err != nil || there != try.there {
			t.Fatalf("PutNew(%+v): %+v, %v; want %+v", try.put, there, err, try.there)
		}
	}
	s.wantNoToken(t, "other")
	s.wantBoth(t, c)
	s.wantCount(t, 1)
	taken := connection.Connection{RequestID: "b", Token: "token-a", Node: s.Node}
	if _, err := s.Registry.PutNew(t.Context(), taken); !errors.Is(err, connection.ErrTokenTaken) {
		t.Errorf("PutNew of a's token as b: %v, want ErrTokenTaken", err)
	}
	s.wantNoID(t, "b")
}

func tokenTaken(t *testing.T, s Subject) {
	owner, other := s.put(t, "a", "token-a"), s.put(t, "b", "token-b")
	for _, id := range []connection.RequestID{"b", "c"} {
		c := connection.Connection{RequestID: id, Token: "token-a", Node: s.Node}
		if _, err := s.Registry.Put(t.Context(), c); !errors.Is(err, connection.ErrTokenTaken) {
			t.Errorf("Put of a's token as %s: %v, want ErrTokenTaken", id, err)
		}
	}
	s.wantBoth(t, owner)
	s.wantBoth(t, other)
	s.wantNoID(t, "c")
	s.wantCount(t, 2)
}

func removeReturns(t *testing.T, s Subject) {
	c := s.put(t, "a", "token-a")
	removed, err := s.Registry.Remove(t.Context(), c.Token)
	if err != nil || removed != c {
		t.Errorf("Remove: %+v, %v; want %+v", removed, err, c)
	}
	s.wantNoID(t, "a")
	s.wantNoToken(t, "token-a")
	s.wantCount(t, 0)
}

func tokenFreed(t *testing.T, s Subject) {
	s.put(t, "a", "token-a")
	if _, err := s.Registry.Remove(t.Context(), "token-a"); err != nil {
		t.Fatal(err)
	}
	s.wantBoth(t, s.put(t, "b", "token-a"))
}

func rosterYields(t *testing.T, s Subject) {
	want := map[connection.Connection]int{}
	for _, id := range []connection.RequestID{"a", "b", "c"} {
		want[s.put(t, id, "token-"+connection.Token(id))] = 1
	}
	got := map[connection.Connection]int{}
	for c := range s.Roster.All() {
		got[c]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	s.wantCount(t, 3)
}

func rosterLoop(t *testing.T, s Subject) {
	s.put(t, "a", "token-a")
	s.put(t, "b", "token-b")
	for c := range s.Roster.All() {
		if _, err := s.Registry.Remove(t.Context(), c.Token); err != nil {
			t.Error(err)
		}
		break
	}
	s.wantCount(t, 1)
}
