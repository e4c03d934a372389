// Package proxyauth implements access.Authenticator for requests that a reverse proxy has
// authenticated: it says who they come from in headers. That they come from the proxy is
// for the inbound side to know, which trusts the addresses of TRUSTED_PROXIES only.
package proxyauth

import (
	"context"
	"strings"
	"time"

	"heliograph/domain/access"
)

// maxRoles bounds the roles of a principal, which each stream keeps.
const maxRoles = 200

// Config says what those have that the proxy names.
type Config struct {
	// Scopes and OtherScopes are what all of them may do: proxies know of users and groups
	// only.
	Scopes      access.Scopes
	OtherScopes []string
}

// Authenticator takes the proxy's word. It is safe for concurrent use.
type Authenticator struct{ cfg Config }

var _ access.Authenticator = (*Authenticator)(nil)

// New returns an Authenticator.
func New(cfg Config) *Authenticator { return &Authenticator{cfg: cfg} }

// Authenticate implements access.Authenticator. The text of a credential is the name of
// the user and, on the next line, the roles with commas or white space between them. Each
// request is a credential of its own that is issued now and has no end: a revocation ends
// streams, and that the user does not come back is for the proxy to see to.
func (a *Authenticator) Authenticate(_ context.Context, c access.Credential) (p *access.Principal, known bool, err error) {
	if c.Source != access.FromProxy {
		return nil, false, nil
	}
	user, rest, _ := strings.Cut(c.Text, "\n")
	user = strings.TrimSpace(user)
	roles := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(", \t\n", r) })
	if err := access.CheckName(user); err != nil {
		return nil, true, access.Refuse(access.RefusedMalformed, "the proxy's name of the user: %s", err)
	}
	if access.Reserved(user) {
		return nil, true, access.Refuse(access.RefusedSignature, "the proxy's name of the user begins like one that only this service may give")
	}
	if len(roles) > maxRoles {
		return nil, true, access.Refuse(access.RefusedMalformed, "the proxy names %d roles, at most %d are allowed", len(roles), maxRoles)
	}
	for _, role := range roles {
		if err := access.CheckName(role); err != nil {
			return nil, true, access.Refuse(access.RefusedMalformed, "the proxy's roles: %s", err)
		}
	}
	return &access.Principal{Subject: user, Roles: roles, Scopes: a.cfg.Scopes, OtherScopes: a.cfg.OtherScopes, Issued: time.Now().UTC()}, true, nil
}
