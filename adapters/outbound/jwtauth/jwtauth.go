// Package jwtauth implements access.Authenticator for JSON Web Tokens (rule A3).
//
// go-jose reads and verifies them (docs/adr/0005-jwt-library.md says why that one). The
// keys come from a shared secret, a file, or a URL; see keys.go for which algorithms each
// kind of key can have: only these count, whatever a token says.
package jwtauth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"heliograph/domain/access"
)

// maxToken bounds a token: more than any header that servers take by default.
const maxToken = 16 << 10

// Config says which tokens are good. Exactly one of Secret, KeyFile and JWKSURL is set.
type Config struct {
	Secret  string // shared with who issues tokens
	KeyFile string // path of a file with PEM, a JWK or a set of JWKs
	JWKSURL string // http or https, with a set of JWKs
	// Algorithms are the names of those that are allowed; empty is all that the keys can
	// have.
	Algorithms []string
	// Issuer and Audience must be in the token; "" is not looked at.
	Issuer, Audience string
	// SubjectClaim, RolesClaim and ScopesClaim are paths of claims, with dots.
	SubjectClaim, RolesClaim, ScopesClaim string
	// DefaultScopes and DefaultOther are those of a token without the scopes claim.
	DefaultScopes access.Scopes
	DefaultOther  []string
	// OtherScopes are names of scopes that types of tasks know. All others of a token are
	// left out: they are meant for other services.
	OtherScopes []string
}

// Authenticator verifies tokens. It is safe for concurrent use.
type Authenticator struct {
	cfg  Config
	keys keySource
}

var _ access.Authenticator = (*Authenticator)(nil)

// New returns an Authenticator. A file must be there and hold keys; a URL is asked by
// Serve. Errors: what is wrong with the keys or the algorithms, for an operator.
func New(cfg Config, log *slog.Logger) (*Authenticator, error) {
	r := reader{secrets: cfg.JWKSURL == ""}
	for _, name := range cfg.Algorithms {
		if !slices.Contains(Algorithms(), name) {
			return nil, fmt.Errorf("%w: %q is none of %s", ErrAlgorithms, name, strings.Join(Algorithms(), ", "))
		}
		r.allowed = append(r.allowed, jose.SignatureAlgorithm(name))
	}
	keys, err := newKeySource(cfg, r, log)
	if err != nil {
		return nil, err
	}
	return &Authenticator{cfg: cfg, keys: keys}, nil
}

// ErrAlgorithms says that Config.Algorithms is wrong: it has an unknown name, or none that
// the keys can have (rule A3).
var ErrAlgorithms = errors.New("algorithms")

// Serve keeps the keys up to date until ctx ends, which is no error.
func (a *Authenticator) Serve(ctx context.Context) error {
	a.keys.serve(ctx)
	return nil
}

// Fetch gets the keys now, for a program that does not serve. Errors: why they cannot be
// had.
func (a *Authenticator) Fetch(ctx context.Context) error {
	if r, ok := a.keys.(*remote); ok {
		return r.fetch(ctx)
	}
	return nil
}

// Check returns what is wrong with the keys, for readiness: that there are none yet.
// Those that are there are good even if they cannot be refreshed now.
func (a *Authenticator) Check() error {
	_, err := a.keys.current()
	return err
}

// Authenticate implements access.Authenticator, for what has the form of a JWT.
func (a *Authenticator) Authenticate(ctx context.Context, c access.Credential) (p *access.Principal, known bool, err error) {
	if c.Source != access.FromHeader && c.Source != access.FromCookie || !hasForm(c.Text) {
		return nil, false, nil
	}
	payload, err := a.verify(ctx, c.Text)
	if err != nil {
		return nil, true, err
	}
	said, err := parseClaims(payload)
	if err != nil {
		return nil, true, access.Refuse(access.RefusedMalformed, "%s", err)
	}
	p, err = a.principal(said, time.Now())
	return p, true, err
}

// hasForm reports whether text looks like a JWT: three parts, or five if it is encrypted.
func hasForm(text string) bool {
	dots := strings.Count(text, ".")
	return dots == 2 || dots == 4
}

// verify returns the payload of a token that is signed with one of the keys.
func (a *Authenticator) verify(ctx context.Context, token string) ([]byte, error) {
	set, err := a.keys.current()
	if err != nil {
		return nil, err
	}
	signed, header, err := parse(token, set)
	if err != nil {
		return nil, err
	}
	alg := jose.SignatureAlgorithm(header.Algorithm)
	candidates, known := set.find(header.KeyID, alg)
	if !known {
		if set, err = a.keys.refreshed(ctx); err != nil {
			return nil, err
		}
		candidates, known = set.find(header.KeyID, alg)
	}
	switch {
	case !known:
		return nil, access.Refuse(access.RefusedUnknown, "it is signed with a key (kid) that is not among those of this service")
	case len(candidates) == 0:
		return nil, access.Refuse(access.RefusedSignature, "its algorithm %s is not one of those of its key; allowed are %s", alg, set.algorithms())
	}
	for _, k := range candidates {
		payload, err := signed.Verify(k.verifier(alg))
		if err == nil {
			return payload, nil
		}
	}
	return nil, access.Refuse(access.RefusedSignature, "its signature is wrong: it was signed with another key, or changed")
}

// parse reads a token that is signed with one of our algorithms. Nothing of it is
// verified.
func parse(token string, set keySet) (*jose.JSONWebSignature, jose.Header, error) {
	if len(token) > maxToken {
		return nil, jose.Header{}, access.Refuse(access.RefusedMalformed, "it has more than %d bytes", maxToken)
	}
	if strings.Count(token, ".") != 2 {
		return nil, jose.Header{}, access.Refuse(access.RefusedMalformed, "it is encrypted, and only signed JWTs are taken")
	}
	if strings.Trim(token, alphabet) != "" || hasExtensions(token) {
		return nil, jose.Header{}, access.Refuse(access.RefusedMalformed, "it cannot be read as a JWT, or demands an extension (crit, b64)")
	}
	signed, err := jose.ParseSignedCompact(token, allAlgorithms())
	if other, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); ok {
		return nil, jose.Header{}, access.Refuse(access.RefusedSignature, "its algorithm %.20q is not allowed; allowed are %s", string(other.Got), set.algorithms())
	}
	if err != nil {
		return nil, jose.Header{}, access.Refuse(access.RefusedMalformed, "it cannot be read as a JWT")
	}
	return signed, signed.Signatures[0].Protected, nil
}

// alphabet is what tokens are made of. Decoders of base64 skip line breaks.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// hasExtensions reports whether a header cannot be read, or says that something in it
// must be understood: nothing but the signature is (RFC 7515, section 4.1.11; RFC 7797).
func hasExtensions(token string) bool {
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return true
	}
	var header map[string]jsontext.Value
	if json.Unmarshal(text, &header) != nil {
		return true
	}
	_, critical := header["crit"]
	_, raw := header["b64"]
	return critical || raw
}
