package memregistry_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
)

// actor does random things to connections that no other actor touches, in shards
// that all share, and knows what the registry must answer.
type actor struct {
	registry *memregistry.Registry
	name     string
	rand     *rand.Rand
	tokens   map[connection.RequestID]connection.Token
	owners   map[connection.Token]connection.RequestID
}

func TestRegistryDoesWhatTheModelSaysWhileOthersAreBusy(t *testing.T) { // C1, C3, C4
	r := memregistry.New()
	actors := make([]*actor, 4)
	var busy sync.WaitGroup
	for i := range actors {
		a := &actor{
			registry: r, name: fmt.Sprint(i), rand: rand.New(rand.NewPCG(uint64(i), 1)),
			tokens: map[connection.RequestID]connection.Token{},
			owners: map[connection.Token]connection.RequestID{},
		}
		actors[i] = a
		busy.Go(func() {
			for range 2_000 {
				a.act(t)
			}
		})
	}
	busy.Wait()

	want := 0
	for _, a := range actors {
		want += len(a.tokens)
	}
	if got := r.Count(); got != want {
		t.Errorf("Count() = %d, the models hold %d", got, want)
	}
}

func (a *actor) act(t *testing.T) {
	id := connection.RequestID(fmt.Sprintf("%s-id-%d", a.name, a.rand.IntN(20)))
	token := connection.Token(fmt.Sprintf("%s-token-%d", a.name, a.rand.IntN(20)))
	if a.rand.IntN(3) == 0 {
		a.remove(t, token)
	} else {
		a.put(t, id, token)
	}
	a.look(t, id, token)
}

func (a *actor) put(t *testing.T, id connection.RequestID, token connection.Token) {
	before, err := a.registry.Put(t.Context(), connection.Connection{RequestID: id, Token: token})
	if owner, taken := a.owners[token]; taken && owner != id {
		if !errors.Is(err, connection.ErrTokenTaken) {
			t.Errorf("Put of a taken token: %v, want ErrTokenTaken", err)
		}
		return
	}
	if want := a.tokens[id]; err != nil || before.Token != want {
		t.Errorf("Put returned %q, %v; want %q", before.Token, err, want)
	}
	delete(a.owners, a.tokens[id])
	a.tokens[id], a.owners[token] = token, id
}

func (a *actor) remove(t *testing.T, token connection.Token) {
	c, err := a.registry.Remove(t.Context(), token)
	owner, known := a.owners[token]
	if known != (err == nil) || c.RequestID != owner {
		t.Errorf("Remove = %+v, %v; want %q", c, err, owner)
	}
	delete(a.owners, token)
	delete(a.tokens, owner)
}

func (a *actor) look(t *testing.T, id connection.RequestID, token connection.Token) {
	byID, _ := a.registry.ByRequestID(t.Context(), id)
	if byID.Token != a.tokens[id] {
		t.Errorf("ByRequestID(%s) names %q, want %q", id, byID.Token, a.tokens[id])
	}
	byToken, _ := a.registry.ByToken(t.Context(), token)
	if byToken.RequestID != a.owners[token] {
		t.Errorf("ByToken(%s) names %q, want %q", token, byToken.RequestID, a.owners[token])
	}
}
