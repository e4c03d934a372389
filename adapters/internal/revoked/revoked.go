// Package revoked holds revocations in memory, for the adapters of access.Revocations.
package revoked

import (
	"maps"
	"strings"
	"sync"
	"time"

	"heliograph/domain/access"
)

// sweepEvery is how many revocations come in before those that have ended are looked for.
const sweepEvery = 1024

// name is what a revocation is about.
type name struct{ subject, credentialID string }

// entry is one revocation that refuses.
type entry struct {
	before time.Time
	until  time.Time // zero is for ever
}

// Memory is this node's revocations. It is safe for concurrent use.
type Memory struct {
	keep time.Duration

	mu       sync.RWMutex
	entries  map[name]entry // guarded by mu
	sweeping int            // how many came in since the last sweep; guarded by mu
	watchers Watchers
}

// New returns a Memory that remembers each revocation for the time.
func New(keep time.Duration) *Memory {
	return &Memory{keep: keep, entries: make(map[name]entry)}
}

// Add takes a revocation, which replaces an earlier one of the same subject and
// credential, and tells those who watch. It reports whether it refuses more than was
// refused before.
func (m *Memory) Add(r access.Revocation) (news bool) {
	news = m.Remember(r)
	m.watchers.Tell(r)
	return news
}

// Remember is Add without telling anybody.
func (m *Memory) Remember(r access.Revocation) (news bool) {
	if r.Before.IsZero() || r.Subject == "" && r.CredentialID == "" {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweepLocked()
	key := name{r.Subject, r.CredentialID}
	if there, ok := m.entries[key]; ok && !there.before.Before(r.Before) {
		return false
	}
	m.entries[key] = entry{before: r.Before, until: m.until(r)}
	return true
}

// until is when r may be forgotten: when all that it refuses would be refused for its
// age. API keys have no such age.
func (m *Memory) until(r access.Revocation) time.Time {
	if For(r, m.keep) == 0 {
		return time.Time{}
	}
	return r.Before.Add(m.keep)
}

// For is how long r has to be remembered if others are for keep; 0 is for ever. A
// revocation of an API key is, because a key is not refused for its age.
func For(r access.Revocation, keep time.Duration) time.Duration {
	if strings.HasPrefix(r.Subject, access.KeySubject) {
		return 0
	}
	return keep
}

func (m *Memory) sweepLocked() {
	if m.sweeping++; m.sweeping < sweepEvery {
		return
	}
	m.forgetLocked()
}

// Room reports whether fewer than most revocations are remembered that have not ended.
func (m *Memory) Room(most int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entries) >= most {
		m.forgetLocked()
	}
	return len(m.entries) < most
}

func (m *Memory) forgetLocked() {
	m.sweeping = 0
	now := time.Now()
	maps.DeleteFunc(m.entries, func(_ name, e entry) bool { return !e.until.IsZero() && now.After(e.until) })
}

// Revoked reports whether a credential of p is refused.
func (m *Memory) Revoked(p *access.Principal) bool {
	if p == nil {
		return false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.entries) == 0 {
		return false
	}
	names := []name{{subject: p.Subject}}
	if p.CredentialID != "" {
		names = append(names, name{credentialID: p.CredentialID}, name{p.Subject, p.CredentialID})
	}
	for _, n := range names {
		if e, ok := m.entries[n]; ok && p.Issued.Before(e.before) {
			return true
		}
	}
	return false
}

// Watch has revoked called with each revocation that Add takes from now on, one at a
// time, until stop is called.
func (m *Memory) Watch(revoked func(access.Revocation)) (stop func()) { return m.watchers.Add(revoked) }

// Watchers are called with what was revoked, one revocation at a time. It is safe for
// concurrent use; the zero value has none.
type Watchers struct {
	telling sync.Mutex // held while they are called, so that calls come one at a time

	mu   sync.Mutex
	next int                             // guarded by mu
	all  map[int]func(access.Revocation) // guarded by mu
}

// Add has revoked called with each revocation that Tell takes from now on, until stop is
// called.
func (w *Watchers) Add(revoked func(access.Revocation)) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[int]func(access.Revocation))
	}
	w.next++
	id := w.next
	w.all[id] = revoked
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, id)
	}
}

// Tell calls all of them. They must not call Tell.
func (w *Watchers) Tell(r access.Revocation) {
	w.telling.Lock()
	defer w.telling.Unlock()
	w.mu.Lock()
	all := maps.Clone(w.all)
	w.mu.Unlock()
	for _, revoked := range all {
		revoked(r)
	}
}
