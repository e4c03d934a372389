package versions

import (
	"context"
	"hash/maphash"

	"heliograph/domain/connection"
)

// turns has those who announce for one request_id wait for each other, so that the
// last one broadcast is the one that stays pending; now and then also those of
// another one, with the same place. It is safe for concurrent use, and its zero
// value is not ready.
type turns struct {
	seed   maphash.Seed
	places [64]chan struct{} // each full while it is somebody's turn
}

func newTurns() *turns {
	t := &turns{seed: maphash.MakeSeed()}
	for i := range t.places {
		t.places[i] = make(chan struct{}, 1)
	}
	return t
}

// take returns when it is id's turn, which lasts until end; at once for "", which
// keeps nothing pending. Errors: ctx.Err().
func (t *turns) take(ctx context.Context, id connection.RequestID) (end func(), err error) {
	if id == "" {
		return func() {}, nil
	}
	place := t.places[maphash.String(t.seed, string(id))%uint64(len(t.places))]
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
