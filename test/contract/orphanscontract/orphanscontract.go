// Package orphanscontract is the contract of connection.Orphans, as tests.
package orphanscontract

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Subject is what is tested: an empty registry, as two nodes see it.
type Subject struct {
	// Node is the name of the node that Registry, Roster and Orphans are of.
	Node     string
	Registry connection.Registry
	Roster   connection.Roster
	Orphans  connection.Orphans
	// Other is the registry of the node of the name OtherNode.
	OtherNode string
	Other     connection.Registry
}

// Run tests what fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"C8 the connections of a node that is gone are listed", listed},
		{"C9 the node that adopts a connection owns it", adopted},
		{"C1 a connection that was replaced meanwhile is not adopted", replaced},
		{"C1 a connection that has ended is not adopted by the node that it was of", ended},
		{"C8 a record without a stream is deleted, unless it was replaced", deleted},
		{"A15 what a node that is gone has left holds its request_id until it is deleted", freed},
		{"A17 a connection is adopted with the credential that it has by then", renewed},
		{"of several that adopt a connection at once one gets it", race},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func (s Subject) put(t *testing.T, registry connection.Registry, node string, id connection.RequestID, token connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: id, Token: token, Node: node}
	if _, err := registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// listsWithin is how often a list may still be that of a moment ago, a hundredth of a
// second apart.
const listsWithin = 500

// want waits until what is listed is this when only the nodes named are present.
func (s Subject) want(t *testing.T, present []string, want ...connection.Connection) {
	t.Helper()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	diff := ""
	for range listsWithin {
		got, err := s.Orphans.List(t.Context(), func(node string) bool { return slices.Contains(present, node) })
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b connection.Connection) int { return cmpText(a.RequestID, b.RequestID) })
		if diff = cmp.Diff(want, got); diff == "" {
			return
		}
		<-pause.C
	}
	t.Errorf("listed with %v present (-want +got):\n%s", present, diff)
}

func cmpText(a, b connection.RequestID) int {
	if a < b {
		return -1
	}
	return 1
}

func listed(t *testing.T, s Subject) {
	s.want(t, nil)
	s.put(t, s.Registry, s.Node, "mine", "token-1")
	a := s.put(t, s.Other, s.OtherNode, "a", "token-2")
	b := s.put(t, s.Other, s.OtherNode, "b", "token-3")
	s.want(t, []string{s.OtherNode})
	s.want(t, nil, a, b) // and not what this node has in its roster
}

func adopted(t *testing.T, s Subject) {
	c := s.put(t, s.Other, s.OtherNode, "a", "token-1")
	want := c
	want.Node = s.Node
	if got, err := s.Orphans.Adopt(t.Context(), c); err != nil || got != want {
		t.Fatalf("adopted %+v, %v; want %+v", got, err, want)
	}
	if got, err := s.Other.ByRequestID(t.Context(), "a"); err != nil || got != want {
		t.Errorf("it is %+v, %v; want %+v", got, err, want)
	}
	if got := s.Roster.Count(); got != 1 {
		t.Errorf("the roster has %d, want 1", got)
	}
	if got, err := s.Registry.Remove(t.Context(), "token-1"); err != nil || got != want {
		t.Errorf("removed %+v, %v; want %+v", got, err, want)
	}
}

func replaced(t *testing.T, s Subject) {
	old := s.put(t, s.Other, s.OtherNode, "a", "token-1")
	s.put(t, s.Other, s.OtherNode, "a", "token-2")
	gone := connection.Connection{RequestID: "b", Token: "token-3", Node: s.OtherNode}
	for _, c := range []connection.Connection{old, gone} {
		if _, err := s.Orphans.Adopt(t.Context(), c); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("adopt %s: %v, want ErrNotFound", c.Token, err)
		}
	}
	if got := s.Roster.Count(); got != 0 {
		t.Errorf("the roster has %d, want none", got)
	}
}

func ended(t *testing.T, s Subject) {
	for range 20 { // its record may stay for a moment
		c := s.put(t, s.Registry, s.Node, "a", "token-1")
		if _, err := s.Registry.Remove(t.Context(), c.Token); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Orphans.Adopt(t.Context(), c); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("adopted %+v, %v; want ErrNotFound", got, err)
		}
		if got, err := s.Registry.ByRequestID(t.Context(), "a"); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("it is %+v, %v; want ErrNotFound", got, err)
		}
	}
}

func deleted(t *testing.T, s Subject) {
	old := s.put(t, s.Other, s.OtherNode, "a", "token-1")
	now := s.put(t, s.Other, s.OtherNode, "a", "token-2")
	mine := s.put(t, s.Registry, s.Node, "mine", "token-3")
	for _, c := range []connection.Connection{old, mine} {
		if err := s.Orphans.Delete(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	s.want(t, nil, now)
	if got := s.Roster.Count(); got != 1 {
		t.Errorf("the roster has %d, want 1", got)
	}
	for range 2 {
		if err := s.Orphans.Delete(t.Context(), now); err != nil {
			t.Error(err)
		}
	}
	s.want(t, nil)
}

// putAs registers a connection of the other node for a subject.
func (s Subject) putAs(t *testing.T, subject string, id connection.RequestID, token connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: id, Token: token, Node: s.OtherNode, Principal: &access.Principal{Subject: subject, Roles: []string{"sales"}}}
	if _, err := s.Other.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func freed(t *testing.T, s Subject) {
	left := s.putAs(t, "ann", "a", "token-1")
	bob := connection.Connection{RequestID: "a", Token: "token-2", Node: s.Node, Principal: &access.Principal{Subject: "bob"}}
	if _, err := s.Registry.Put(t.Context(), bob); !errors.Is(err, connection.ErrRequestIDTaken) {
		t.Errorf("put by another subject: %v, want ErrRequestIDTaken", err)
	}
	if err := s.Orphans.Delete(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if before, err := s.Registry.Put(t.Context(), bob); err != nil || before.Token != "" {
		t.Errorf("put when it was deleted: %+v, %v", before, err)
	}
	if got, err := s.Other.ByRequestID(t.Context(), "a"); err != nil || cmp.Diff(bob, got) != "" {
		t.Errorf("it is %+v, %v; want %+v", got, err, bob)
	}
}

func renewed(t *testing.T, s Subject) {
	listed := s.putAs(t, "ann", "a", "token-1")
	now := listed
	now.Principal = &access.Principal{Subject: "ann", Roles: []string{"sales"}, Expires: time.Date(2036, 3, 1, 12, 0, 0, 0, time.UTC)}
	if err := s.Other.Renew(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	now.Node = s.Node
	adopted, err := s.Orphans.Adopt(t.Context(), listed)
	if diff := cmp.Diff(now, adopted); err != nil || diff != "" {
		t.Errorf("adopted: %v (-want +got):\n%s", err, diff)
	}
	if got, err := s.Registry.ByToken(t.Context(), "token-1"); err != nil || cmp.Diff(now, got) != "" {
		t.Errorf("in the roster is %+v, %v; want %+v", got, err, now)
	}
	if err := s.Other.Renew(t.Context(), listed); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("renewed by the node that had it: %v, want ErrNotFound", err)
	}
}

func race(t *testing.T, s Subject) {
	c := s.put(t, s.Other, s.OtherNode, "a", "token-1")
	const nodes = 8
	errs := make(chan error, nodes)
	for range nodes {
		go func() {
			_, err := s.Orphans.Adopt(t.Context(), c)
			errs <- err
		}()
	}
	won := 0
	for range nodes {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, connection.ErrNotFound):
			t.Error(err)
		}
	}
	if got := s.Roster.Count(); won != 1 || got != 1 {
		t.Errorf("%d have it, and the roster has %d", won, got)
	}
}
