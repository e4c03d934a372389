package jwtauth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/domain/access"
	"heliograph/test/jwt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret has the size that HS256 needs, and less than HS384 and HS512 do.
const secret = "0123456789abcdef0123456789abcdef"

var defaultScopes = access.ScopesOf(access.Stream, access.TasksRead)

// with is the usual configuration with some changes.
func with(change func(*jwtauth.Config)) jwtauth.Config {
	cfg := jwtauth.Config{
		SubjectClaim: "sub", RolesClaim: "roles", ScopesClaim: "scope", DefaultScopes: defaultScopes, OtherScopes: []string{"deploy"},
	}
	change(&cfg)
	return cfg
}

var bySecret = with(func(c *jwtauth.Config) { c.Secret = secret })

var silent = slog.New(slog.DiscardHandler)

func open(t *testing.T, cfg jwtauth.Config) *jwtauth.Authenticator {
	t.Helper()
	a, err := jwtauth.New(cfg, silent)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// keys are made once: RSA keys take their time.
var keys = sync.OnceValue(func() (all struct {
	rsa, other *rsa.PrivateKey
	p256, p384 *ecdsa.PrivateKey
	p521       *ecdsa.PrivateKey
	ed         ed25519.PrivateKey
},
) {
	all.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	all.other, _ = rsa.GenerateKey(rand.Reader, 2048)
	all.p256, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	all.p384, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	all.p521, _ = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, all.ed, _ = ed25519.GenerateKey(rand.Reader)
	return all
})

// claims are good ones of alice's, with some changes; nil takes one out.
func claims(changes map[string]any) map[string]any { return jwt.Claims("alice", changes) }

func encode(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token is signed with the secret.
func token(t testing.TB, changes map[string]any) string {
	t.Helper()
	return jwt.Sign(t, jose.HS256, []byte(secret), nil, encode(t, claims(changes)))
}

// raw is a token whose parts are given as they are. The signature is right for HS256.
func raw(t *testing.T, header, payload string) string {
	t.Helper()
	return raw64(header) + "." + raw64(payload) + "." + raw64(string(hmac256([]byte(secret), raw64(header)+"."+raw64(payload))))
}

func raw64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func header(text string) access.Credential {
	return access.Credential{Source: access.FromHeader, Text: text}
}

// want checks that a token is good, and returns whom it names.
func want(t *testing.T, name string, a *jwtauth.Authenticator, token string) *access.Principal {
	t.Helper()
	p, known, err := a.Authenticate(t.Context(), header(token))
	if err != nil || !known || p == nil {
		t.Errorf("%s: %+v, %t, %v", name, p, known, err)
		return &access.Principal{}
	}
	return p
}

func refuse(t *testing.T, name string, a *jwtauth.Authenticator, token string, code access.RefusalCode, reason string) {
	t.Helper()
	p, known, err := a.Authenticate(t.Context(), header(token))
	refused, ok := errors.AsType[*access.RefusedError](err)
	if !ok || refused.Code != code || !strings.Contains(refused.Reason, reason) || p != nil || !known {
		t.Errorf("%s: %+v, %t, %v; want %s, %q", name, p, known, err, code, reason)
	}
}

func pemOf(t testing.TB, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func jwk(id, alg string, key any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: alg}
}

func set(t testing.TB, keys ...jose.JSONWebKey) string {
	t.Helper()
	return string(encode(t, jose.JSONWebKeySet{Keys: keys}))
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// inFile is the configuration with these keys in a file.
func inFile(t testing.TB, text string) jwtauth.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	write(t, path, text)
	return with(func(c *jwtauth.Config) { c.KeyFile = path })
}
