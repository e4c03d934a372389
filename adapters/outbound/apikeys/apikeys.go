// Package apikeys implements access.Authenticator for API keys of servers and workers,
// which a file names (rule A5).
//
// The file holds a hash of each key only. It is read again when it changes, and a key
// that is not in it any more, or says something else, is told to those who watch
// Revocations.
package apikeys

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"heliograph/adapters/internal/revoked"
	"heliograph/adapters/internal/watchfile"
	"heliograph/domain/access"
)

// Keys are the keys of a file. It is safe for concurrent use.
type Keys struct {
	path        string
	otherScopes []string
	log         *slog.Logger
	content     []byte // at the start
	current     atomic.Pointer[keySet]
	gone        revoked.Watchers
}

var _ access.Authenticator = (*Keys)(nil)

// keySet is the principals of all keys at one moment. It is not changed.
type keySet struct {
	byHash map[hash]*access.Principal
	byName map[string]*access.Principal
}

// Open reads the file at path. otherScopes are the scopes that types of tasks name.
// Errors: what is wrong with the file, for an operator.
func Open(path string, otherScopes []string, log *slog.Logger) (*Keys, error) {
	content, err := read(path)
	if err != nil {
		return nil, err
	}
	k := &Keys{path: path, otherScopes: otherScopes, log: log, content: content}
	set, err := k.parse(content)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	k.current.Store(set)
	return k, nil
}

// CheckReadable says why the file at path cannot be read, whatever is in it.
func CheckReadable(path string) error {
	_, err := read(path)
	return err
}

func read(path string) ([]byte, error) {
	content, err := watchfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return content, nil
}

func (k *Keys) parse(content []byte) (*keySet, error) {
	keys, err := parseFile(content, k.otherScopes)
	if err != nil {
		return nil, err
	}
	set := &keySet{byHash: make(map[hash]*access.Principal), byName: make(map[string]*access.Principal)}
	for _, one := range keys {
		p := one.principal()
		set.byHash[one.hash], set.byName[one.Name] = p, p
	}
	return set, nil
}

// Authenticate implements access.Authenticator.
func (k *Keys) Authenticate(_ context.Context, c access.Credential) (p *access.Principal, known bool, err error) {
	if c.Source != access.FromHeader || !strings.HasPrefix(c.Text, Prefix) {
		return nil, false, nil
	}
	if p := k.current.Load().byHash[hashOf(c.Text)]; p != nil {
		return p, true, nil
	}
	return nil, true, access.Refuse(access.RefusedUnknown, "it is no API key of this service, or not any more")
}

// Serve reads the file again when it changes, until ctx ends, which is no error. One that
// cannot be used changes nothing.
func (k *Keys) Serve(ctx context.Context) error {
	watchfile.Follow(ctx, k.path, k.content, func(content []byte, err error) {
		var set *keySet
		if err == nil {
			set, err = k.parse(content)
		}
		if err != nil {
			k.log.ErrorContext(ctx, "file of API keys cannot be used, the former keys stay", slog.String("path", k.path), slog.Any("error", err))
			return
		}
		k.replace(ctx, set)
	})
	return nil
}

// replace has set count from now on, and tells which keys are gone.
func (k *Keys) replace(ctx context.Context, set *keySet) {
	before := k.current.Swap(set)
	var gone []string
	for h, p := range before.byHash {
		if now := set.byHash[h]; now == nil || !same(p, now) {
			gone = append(gone, p.CredentialID)
		}
	}
	slices.Sort(gone)
	k.log.InfoContext(ctx, "API keys read again", slog.Int("keys", len(set.byHash)), slog.Any("gone_or_changed", gone))
	for _, name := range gone {
		k.gone.Tell(access.Revocation{Subject: access.KeySubject + name})
	}
}

// same reports whether two principals of keys are the same: name, time and rights.
func same(p, q *access.Principal) bool {
	return p.Subject == q.Subject && p.Scopes == q.Scopes && p.Issued.Equal(q.Issued) && p.Expires.Equal(q.Expires) &&
		slices.Equal(p.OtherScopes, q.OtherScopes) && slices.Equal(p.TaskTypes, q.TaskTypes)
}

// isGone reports whether p is of a key that is not in the file, or says something else
// there.
func (k *Keys) isGone(p *access.Principal) bool {
	if p == nil || !strings.HasPrefix(p.Subject, access.KeySubject) {
		return false
	}
	now := k.current.Load().byName[strings.TrimPrefix(p.Subject, access.KeySubject)]
	return now == nil || !same(p, now)
}

// Names returns the names of all keys.
func (k *Keys) Names() []string { return slices.Sorted(maps.Keys(k.current.Load().byName)) }

// Revocations returns next with the keys that leave the file: what was opened with one is
// ended, and a ticket that was got with one is worth nothing.
func (k *Keys) Revocations(next access.Revocations) access.Revocations {
	return &revocations{Revocations: next, keys: k}
}

type revocations struct {
	access.Revocations

	keys *Keys
}

// Revoked implements access.Revocations.
func (r *revocations) Revoked(p *access.Principal) bool {
	return r.keys.isGone(p) || r.Revocations.Revoked(p)
}

// Watch implements access.Revocations.
func (r *revocations) Watch(revoked func(access.Revocation)) (stop func()) {
	var calling sync.Mutex
	one := func(r access.Revocation) {
		calling.Lock()
		defer calling.Unlock()
		revoked(r)
	}
	stopNext, stopKeys := r.Revocations.Watch(one), r.keys.gone.Add(one)
	return func() {
		stopNext()
		stopKeys()
	}
}
