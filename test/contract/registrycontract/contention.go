package registrycontract

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"heliograph/domain/connection"
)

const (
	fighters = 4   // goroutines that put and remove
	rounds   = 200 // what each of them does
)

// arena is the fight of many over few request_ids. No token is put twice, so
// one that was seen to leave must never be seen again.
type arena struct {
	Subject
	put, left atomic.Int64
	gone      sync.Map // of connection.Token
}

func contention(t *testing.T, s Subject) {
	a := &arena{Subject: s}
	var fight sync.WaitGroup
	for i := range fighters {
		fight.Go(func() { a.fight(t, i) })
	}
	fight.Wait()

	s.wantCount(t, int(a.put.Load()-a.left.Load()))
	for c := range s.Roster.All() {
		s.wantBoth(t, c)
	}
}

// fight puts fresh tokens under contested request_ids, and removes some of them.
func (a *arena) fight(t *testing.T, me int) {
	for i := range rounds {
		id := connection.RequestID(fmt.Sprintf("id-%d", i%3))
		token := connection.Token(fmt.Sprintf("token-%d-%d", me, i))
		before, err := a.Registry.Put(t.Context(), connection.Connection{RequestID: id, Token: token, Node: a.Node})
		if err != nil {
			t.Errorf("Put: %v", err)
			return
		}
		a.put.Add(1)
		if before != (connection.Connection{}) {
			a.leave(t, before)
		}
		a.look(t, id)
		if i%2 == me%2 {
			a.remove(t, token)
		}
	}
}

func (a *arena) remove(t *testing.T, token connection.Token) {
	c, err := a.Registry.Remove(t.Context(), token)
	switch {
	case err == nil && c.Token == token:
		a.leave(t, c)
	case !errors.Is(err, connection.ErrNotFound):
		t.Errorf("Remove(%s) = %+v, %v", token, c, err)
	}
}

// leave notes that c was replaced or removed, which must happen once.
func (a *arena) leave(t *testing.T, c connection.Connection) {
	a.left.Add(1)
	if _, twice := a.gone.LoadOrStore(c.Token, true); twice {
		t.Errorf("%+v left the registry twice", c)
	}
	a.wantNoToken(t, c.Token)
}

// look checks that both directions agree: a token that a record names is found,
// unless the record has another one by then.
func (a *arena) look(t *testing.T, id connection.RequestID) {
	c, err := a.Registry.ByRequestID(t.Context(), id)
	if err != nil {
		return
	}
	same, err := a.Registry.ByToken(t.Context(), c.Token)
	if err == nil {
		if same != c {
			t.Errorf("ByToken(%s) = %+v, the record said %+v", c.Token, same, c)
		}
		return
	}
	if now, err := a.Registry.ByRequestID(t.Context(), id); err == nil && now == c {
		t.Errorf("the record of %s names a token that is unknown", id)
	}
}
