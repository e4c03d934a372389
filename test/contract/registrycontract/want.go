package registrycontract

import (
	"errors"
	"testing"

	"heliograph/domain/connection"
)

// put registers a connection that must replace none.
func (s Subject) put(t *testing.T, id connection.RequestID, token connection.Token) connection.Connection {
	t.Helper()
	return s.replace(t, connection.Connection{RequestID: id}, token)
}

// replace registers a connection that must replace old, or none if old has no
// token.
func (s Subject) replace(t *testing.T, old connection.Connection, token connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: old.RequestID, Token: token, Node: s.Node}
	if old.Token == "" {
		old = connection.Connection{}
	}
	before, err := s.Registry.Put(t.Context(), c)
	if err != nil || before != old {
		t.Fatalf("Put(%s, %s) = %+v, %v; want %+v from before", c.RequestID, token, before, err, old)
	}
	return c
}

func (s Subject) wantBoth(t *testing.T, want connection.Connection) {
	t.Helper()
	if got, err := s.Registry.ByRequestID(t.Context(), want.RequestID); err != nil || got != want {
		t.Errorf("ByRequestID(%s) = %+v, %v; want %+v", want.RequestID, got, err, want)
	}
	if got, err := s.Registry.ByToken(t.Context(), want.Token); err != nil || got != want {
		t.Errorf("ByToken(%s) = %+v, %v; want %+v", want.Token, got, err, want)
	}
}

func (s Subject) wantNoID(t *testing.T, id connection.RequestID) {
	t.Helper()
	if got, err := s.Registry.ByRequestID(t.Context(), id); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("ByRequestID(%s) = %+v, %v; want ErrNotFound", id, got, err)
	}
}

func (s Subject) wantNoToken(t *testing.T, token connection.Token) {
	t.Helper()
	if got, err := s.Registry.ByToken(t.Context(), token); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("ByToken(%s) = %+v, %v; want ErrNotFound", token, got, err)
	}
}

func (s Subject) wantCount(t *testing.T, want int) {
	t.Helper()
	if got := s.Roster.Count(); got != want {
		t.Errorf("Count() = %d, want %d", got, want)
	}
	yielded := 0
	for range s.Roster.All() {
		yielded++
	}
	if yielded != want {
		t.Errorf("All yields %d connections, want %d", yielded, want)
	}
}
