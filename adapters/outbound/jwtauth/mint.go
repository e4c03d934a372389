package jwtauth

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heliograph/domain/access"
)

// Mint returns a token of p that an Authenticator of the same Config takes, signed with
// its Secret: for development, where nothing else issues tokens. p.Expires must be set.
// Without p.Issued it is issued now, and without p.CredentialID it has one of its own.
// A p without scopes at all has those of Config.DefaultScopes.
func Mint(cfg Config, p *access.Principal) (string, error) {
	if cfg.Secret == "" {
		return "", errors.New("only a shared secret can sign")
	}
	issued := p.Issued
	if issued.IsZero() {
		issued = time.Now()
	}
	said := claims{"exp": p.Expires.Unix(), "iat": issued.Unix(), "jti": cmp.Or(p.CredentialID, rand.Text())}
	if cfg.Issuer != "" {
		said["iss"] = cfg.Issuer
	}
	if cfg.Audience != "" {
		said["aud"] = cfg.Audience
	}
	said.set(cfg.SubjectClaim, p.Subject)
	if len(p.Roles) > 0 {
		said.set(cfg.RolesClaim, p.Roles)
	}
	if scopes := append(strings.Fields(p.Scopes.String()), p.OtherScopes...); len(scopes) > 0 {
		said.set(cfg.ScopesClaim, strings.Join(scopes, " "))
	}
	return sign(cfg, said)
}

// set puts a claim where at finds it.
func (c claims) set(path string, value any) {
	head, rest, nested := strings.Cut(path, ".")
	if !nested || strings.Contains(path, "/") { // a URL is one name
		c[path] = value
		return
	}
	inner, ok := c[head].(claims)
	if !ok {
		inner = make(claims)
		c[head] = inner
	}
	inner.set(rest, value)
}

func sign(cfg Config, said claims) (string, error) {
	text, err := json.Marshal(said)
	if err != nil {
		return "", err
	}
	alg := jose.HS256
	if len(cfg.Algorithms) > 0 {
		alg = jose.SignatureAlgorithm(cfg.Algorithms[0])
	}
	if _, ok := hmacAlgorithms[alg]; !ok {
		return "", fmt.Errorf("a shared secret cannot sign with %s", alg)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key{secret: []byte(cfg.Secret)}.verifier(alg)}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(text)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// Read returns the header and the claims of a token as JSON. Nothing of it is verified:
// it is for showing what a token says.
func Read(token string) (header, payload []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxToken { //nolint:mnd // header, claims, signature
		return nil, nil, errors.New("it is no signed JWT: that has three parts with dots between them")
	}
	for i, into := range []*[]byte{&header, &payload} {
		if *into, err = base64.RawURLEncoding.DecodeString(parts[i]); err != nil || !json.Valid(*into) {
			return nil, nil, fmt.Errorf("its part %d is no JSON in base64url", i+1)
		}
	}
	return header, payload, nil
}
