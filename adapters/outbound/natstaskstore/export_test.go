package natstaskstore

import (
	"context"
	"time"
)

// SetClaimTime sets how long a claimed key may be without its task.
func (s *Store) SetClaimTime(d time.Duration) { s.keys.claimTime = d }

// FreeKeys deletes the records of keys without a task that are at least as old.
func (s *Store) FreeKeys(ctx context.Context, minAge time.Duration) (freed int, err error) {
	return s.cleaner.freeKeys(ctx, minAge)
}

// DeleteSettled deletes the records of lives of which no task is there any more.
func (s *Store) DeleteSettled(ctx context.Context) error { return s.cleaner.deleteSettled(ctx) }
