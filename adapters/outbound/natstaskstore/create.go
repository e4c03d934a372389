package natstaskstore

import (
	"context"
	"errors"

	"heliograph/domain/task"
)

// Create implements task.Store. It is the only caller that ever writes the first
// record of t, and the server takes only one first message per ID, of which the
// marker of a deleted task is one. So a task that was deleted is not created again.
func (s *Store) Create(ctx context.Context, t task.Task) (task.Task, error) {
	if t.IdempotencyKey == "" {
		return s.records.add(ctx, t)
	}
	for {
		revision, holder, err := s.keys.claim(ctx, t)
		if err != nil {
			return holder, err
		}
		stored, err := s.records.add(ctx, t)
		switch {
		case err == nil, errors.Is(err, task.ErrUnavailable): // then it may be there
			return stored, err
		case errors.Is(err, task.ErrDuplicate) && stored.IdempotencyKey == t.IdempotencyKey && stored.Owner == t.Owner:
			return stored, err // an earlier try of the caller's has come through
		}
		freed, freeErr := s.keys.free(ctx, keyRecordOf(t.Owner, t.IdempotencyKey), revision)
		if freed || freeErr != nil {
			return stored, errors.Join(err, freeErr)
		}
		// Another call has taken the key over meanwhile: its task is the answer.
	}
}
