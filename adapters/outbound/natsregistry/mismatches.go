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
	r.records.bucket.Follow(ctx, []string{byRequestID + ".>"}, r.own.mismatches.markAllSuspect, r.own.mismatches.applyChange)
	return nil
}

// Mismatches implements connection.Orphans.
func (r *Registry) Mismatches() (own, left []connection.Connection) { return r.own.mismatches.take() }

// mismatches are the connections of this node of which the roster and the record may say
// something else. Its methods take the mutex of its roster, which guards it.
type mismatches struct {
	own      *roster
	suspects map[connection.Token]struct{} // of the roster: the record may name another connection
	unknown  []connection.Connection       // recorded for this node without being in the roster
}

// applyChange takes one change of a record.
func (m *mismatches) applyChange(change natsbroker.Change) error {
	id, err := requestIDOf(change.Key)
	if err != nil {
		return err
	}
	var now connection.Connection
	if !change.Deleted {
		now, _, err = decode(id, change.Value) // what cannot be read is none of ours
	}
	m.recordChanged(id, now, change.Revision)
	if now.Token != "" && m.own.owns(now) {
		m.addUnknown(now)
	}
	return err
}

// recordChanged marks the connections of id suspect that differ from its record:
// now, which may be none, at that revision.
func (m *mismatches) recordChanged(id connection.RequestID, now connection.Connection, revision uint64) {
	m.own.mu.Lock()
	defer m.own.mu.Unlock()
	for _, token := range m.own.byID[id] {
		h := m.own.byToken[token]
		if !h.Same(now) && (h.revision == 0 || h.revision < revision) {
			m.suspects[token] = struct{}{}
		}
	}
}

// addUnknown notes that c is recorded for this node, unless the roster holds it.
func (m *mismatches) addUnknown(c connection.Connection) {
	m.own.mu.Lock()
	defer m.own.mu.Unlock()
	if _, known := m.own.holdsLocked(c); !known {
		m.unknown = append(m.unknown, c)
	}
}

// markAllSuspect marks every connection suspect.
func (m *mismatches) markAllSuspect() {
	m.own.mu.Lock()
	defer m.own.mu.Unlock()
	for token := range m.own.byToken {
		m.suspects[token] = struct{}{}
	}
}

// take returns the suspect and the unknown connections, and forgets them.
// A connection that is being put stays for the next time.
func (m *mismatches) take() (own, left []connection.Connection) {
	m.own.mu.Lock()
	defer m.own.mu.Unlock()
	for token := range m.suspects {
		if h := m.own.byToken[token]; h.revision > 0 {
			own = append(own, h.Connection)
			delete(m.suspects, token)
		}
	}
	left, m.unknown = m.unknown, nil
	return own, left
}
