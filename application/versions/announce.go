package versions

import (
	"context"
	"fmt"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// announcer announces the versions that callers name. It is safe for concurrent use.
type announcer struct {
	limits      sizeLimits
	state       *State
	pending     version.Pending
	storage     *storage
	broadcaster *broadcaster
	locks       *keyedLock
}

// announce implements version.Service's Announce (rules V2, V6, V7).
func (a *announcer) announce(ctx context.Context, id connection.RequestID, v version.Version) error {
	if err := a.limits.check(v); err != nil {
		return err
	}
	if id == "" {
		return a.announceToAll(ctx, v)
	}
	return a.announceFor(ctx, id, v)
}

// announceToAll makes v the current version.
func (a *announcer) announceToAll(ctx context.Context, v version.Version) error {
	if a.broadcaster.draining.Load() {
		return version.ErrShuttingDown
	}
	logged, err := a.broadcaster.publish(ctx, v, version.AnnouncedTopic)
	if err != nil {
		return err
	}
	a.storage.save(ctx, logged, version.SlotCurrent)
	return nil
}

// announceFor makes v the pending version of id. When the broadcast fails, v is
// pending all the same.
func (a *announcer) announceFor(ctx context.Context, id connection.RequestID, v version.Version) error {
	unlock, err := a.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if a.broadcaster.draining.Load() {
		return version.ErrShuttingDown
	}
	err = a.pending.Put(ctx, id, v)
	a.state.countChange() // also after an error: it may have been stored
	if err != nil {
		return fmt.Errorf("queue version for %s: %w", id, err)
	}
	_, err = a.broadcaster.publish(ctx, v, version.PendingTopic)
	return err
}
