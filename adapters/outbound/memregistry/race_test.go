package memregistry_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
)

func TestLateNewsNeverHitsTheConnectionThatReplacesMeanwhile(t *testing.T) { // C1, C4
	r := memregistry.New()
	var newest atomic.Value
	newest.Store(connection.Token("0"))
	var done atomic.Bool
	var rivals sync.WaitGroup
	rivals.Go(func() { // connects again and again
		defer done.Store(true)
		for i := range 50_000 {
			token := connection.Token(strconv.Itoa(i))
			_, _ = r.Put(t.Context(), connection.Connection{RequestID: "a", Token: token})
			newest.Store(token)
		}
	})
	rivals.Go(func() { // brings news of what was the newest a moment ago
		for !done.Load() {
			token := newest.Load().(connection.Token)
			if c, err := r.ByToken(t.Context(), token); err == nil && c.Token != token {
				t.Errorf("ByToken(%s) = %+v", token, c)
			}
			if c, err := r.Remove(t.Context(), token); err == nil && c.Token != token {
				t.Errorf("Remove(%s) removed %+v", token, c)
			}
		}
	})
	rivals.Wait()
}
