// Package access holds who a request comes from, what they may do, and whom tasks and
// events are for (rules A of the specification).
//
// A credential proves a principal. A principal has scopes, which say what it may do, and
// is a viewer, which says what it may see. An audience says whom something is for. The
// application knows these only: headers, cookies and JWTs stay with the inbound side and
// the adapters of Authenticator.
package access

import (
	"context"
	"strings"
	"time"
)

// Prefixes of subjects that no identity provider may give: those of principals that
// this service itself makes.
const (
	// KeySubject begins the subject of an API key; its name follows (rule A5).
	KeySubject = "key:"
	// TaskSubject begins the subject of the holder of a token for one task; the task's
	// ID follows.
	TaskSubject = "heliograph:task/"
)

// Reserved reports whether a subject begins like those that only this service gives.
func Reserved(subject string) bool {
	return strings.HasPrefix(subject, KeySubject) || strings.HasPrefix(subject, reserved)
}

// reserved begins TaskSubject, and what may be added to it.
const reserved = "heliograph:"

// Principal is who a request comes from. It must not be changed once it was made. A nil
// Principal is anonymous.
type Principal struct {
	// Subject is its name, which is never empty.
	Subject string
	// Roles are names of groups that it is in.
	Roles []string
	// Scopes are what it may do.
	Scopes Scopes
	// OtherScopes are scopes that only types of tasks know (task.Type.Scope).
	OtherScopes []string
	// Expires is when its credential ends, in UTC; the zero time is never.
	Expires time.Time
	// Issued is when its credential was made, in UTC; the zero time is unknown, which
	// counts as before any revocation.
	Issued time.Time
	// CredentialID names its credential: the ID of a JWT (jti), the name of an API key;
	// "" if it has none. It is no secret.
	CredentialID string
	// TaskTypes are the only types of tasks that it may start or work on; empty is all
	// (rule A5).
	TaskTypes []string
	// TaskID is the only task that it may read or cancel; "" is any that it can see. Such
	// a principal sees nothing that is for everyone but versions.
	TaskID string
}

// Viewer returns what p may see on streams and in lists. A nil p, for whom
// authentication is off, sees what is for everyone.
func (p *Principal) Viewer() Viewer {
	if p == nil {
		return Viewer{}
	}
	return Viewer{Subject: p.Subject, Roles: p.Roles, All: p.Scopes.Has(Admin), Single: p.TaskID != ""}
}

// Ends returns when the credential of p ends, or the zero time if never.
func (p *Principal) Ends() time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.Expires
}

type contextKey struct{}

// NewContext returns ctx with the principal that a request comes from. Inbound adapters
// set it, once the request was authenticated.
func NewContext(ctx context.Context, p *Principal) context.Context {
	if p == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext returns the principal that NewContext put there, or nil.
func FromContext(ctx context.Context) *Principal {
	p, _ := ctx.Value(contextKey{}).(*Principal)
	return p
}

type addressKey struct{}

// NewAddressContext returns ctx with the IP address that a request comes from, for limits.
func NewAddressContext(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// AddressFromContext returns the address that NewAddressContext put there, or "".
func AddressFromContext(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}
