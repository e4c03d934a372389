package natsregistry

import (
	"context"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// Serve follows the changes of the records until ctx ends, which is no error, and
// collects what Mismatches returns. It may be called once.
func (r *Registry) Serve(ctx context.Context) error {
	// Changes from before it follows are unknown, so every record has to be checked.
	r.records.bucket.Follow(ctx, []string{byRequestID + ".>"}, r.own.markAllSuspect, r.applyChange)
	return nil
}

// applyChange takes one change of a record.
func (r *Registry) applyChange(change natsbroker.Change) error {
	id, err := requestIDOf(change.Key)
	if err != nil {
		return err
	}
	var now connection.Connection
	if !change.Deleted {
		now, _, err = decode(id, change.Value) // what cannot be read is none of ours
	}
	r.own.recordChanged(id, now, change.Revision)
	if now.Token != "" && r.own.owns(now) {
		r.own.addUnknown(now)
	}
	return err
}

// Mismatches implements connection.Orphans.
func (r *Registry) Mismatches() (own, left []connection.Connection) { return r.own.takeSuspects() }

// recordChanged marks the connections of id suspect that differ from its record:
// now, which may be none, at that revision.
func (r *roster) recordChanged(id connection.RequestID, now connection.Connection, revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range r.byID[id] {
		h := r.byToken[token]
		if !h.Same(now) && (h.revision == 0 || h.revision < revision) {
			r.suspects[token] = struct{}{}
		}
	}
}

// addUnknown notes that c is recorded for this node, unless the roster holds it.
func (r *roster) addUnknown(c connection.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.holdsLocked(c); !known {
		r.unknown = append(r.unknown, c)
	}
}

// markAllSuspect marks every connection suspect.
func (r *roster) markAllSuspect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token := range r.byToken {
		r.suspects[token] = struct{}{}
	}
}

// takeSuspects returns the suspect and the unknown connections, and forgets them.
// A connection that is being put stays for the next time.
func (r *roster) takeSuspects() (own, left []connection.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token := range r.suspects {
		if h := r.byToken[token]; h.revision > 0 {
			own = append(own, h.Connection)
			delete(r.suspects, token)
		}
	}
	left, r.unknown = r.unknown, nil
	return own, left
}
