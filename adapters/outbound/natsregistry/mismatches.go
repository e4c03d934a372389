package natsregistry

import (
	"context"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// Serve follows what becomes of the records until ctx ends, which is no error:
// Mismatches knows of it. It may be called once.
func (r *Registry) Serve(ctx context.Context) error {
	// What has happened to a connection before it begins, nobody knows.
	r.broker.FollowBucket(ctx, bucket, []string{byRequestID + ".>"}, r.own.doubt, r.hear)
	return nil
}

// hear takes one change of a record.
func (r *Registry) hear(change natsbroker.Change) error {
	id, err := requestIDOf(change.Key)
	if err != nil {
		return err
	}
	var now connection.Connection
	if !change.Deleted {
		now, err = decode(id, change.Value) // what cannot be read is none of ours
	}
	r.own.hear(id, now, change.Revision)
	if now.Token != "" && r.owns(now) {
		r.own.missing(now)
	}
	return err
}

// Mismatches implements connection.Orphans.
func (r *Registry) Mismatches() (own, left []connection.Connection) { return r.own.lost() }

// hear learns that now, which may be none, is the record of id at that revision.
func (r *roster) hear(id connection.RequestID, now connection.Connection, revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range r.byID[id] {
		h := r.byToken[token]
		if h.Connection != now && (h.revision == 0 || h.revision < revision) {
			r.astray[token] = struct{}{}
		}
	}
}

// missing learns that c is recorded for this node.
func (r *roster) missing(c connection.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.holdsLocked(c); !known {
		r.left = append(r.left, c)
	}
}

// doubt makes all astray.
func (r *roster) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token := range r.byToken {
		r.astray[token] = struct{}{}
	}
}

// lost returns what is astray, and forgets it. What is being put stays for the
// next time.
func (r *roster) lost() (own, left []connection.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token := range r.astray {
		if h := r.byToken[token]; h.revision > 0 {
			own = append(own, h.Connection)
			delete(r.astray, token)
		}
	}
	left, r.left = r.left, nil
	return own, left
}
