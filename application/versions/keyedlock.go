package versions

import (
	"context"
	"hash/maphash"

	"heliograph/domain/connection"
)

// keyedLock serialises announcements for one request_id, so that the one that was
// broadcast last is the one that stays pending. Different request_ids may share a
// lock, rarely. It is safe for concurrent use, and its zero value is not ready.
type keyedLock struct {
	seed  maphash.Seed
	locks [64]chan struct{} // each holds a value while it is locked
}

func newKeyedLock() *keyedLock {
	l := &keyedLock{seed: maphash.MakeSeed()}
	for i := range l.locks {
		l.locks[i] = make(chan struct{}, 1)
	}
	return l
}

// lock returns once it has the lock of id, which it holds until unlock. Errors:
// ctx.Err().
func (l *keyedLock) lock(ctx context.Context, id connection.RequestID) (unlock func(), err error) {
	lock := l.locks[maphash.String(l.seed, string(id))%uint64(len(l.locks))]
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
