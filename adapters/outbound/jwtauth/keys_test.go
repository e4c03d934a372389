package jwtauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/domain/access"
	"heliograph/test/jwt"
)

func TestEachKeyHasItsAlgorithms(t *testing.T) { // A3
	t.Parallel()
	k := keys()
	for _, c := range []struct {
		name       string
		cfg        jwtauth.Config
		signer     any
		algorithms string
	}{
		{"secret", bySecret, []byte(strings.Repeat(secret, 2)[:32]), "HS256"},
		{"long secret", with(func(c *jwtauth.Config) { c.Secret = strings.Repeat(secret, 2) }), []byte(strings.Repeat(secret, 2)), "HS256 HS384 HS512"},
		{"RSA", inFile(t, pemOf(t, k.rsa.Public())), k.rsa, "RS256 RS384 RS512 PS256 PS384 PS512"},
		{"P-256", inFile(t, pemOf(t, k.p256.Public())), k.p256, "ES256"},
		{"P-384", inFile(t, pemOf(t, k.p384.Public())), k.p384, "ES384"},
		{"P-521", inFile(t, pemOf(t, k.p521.Public())), k.p521, "ES512"},
		{"Ed25519", inFile(t, pemOf(t, k.ed.Public())), k.ed, "EdDSA"},
		{"RSA in a JWK", inFile(t, string(encode(t, jwk("a", "", k.rsa.Public())))), k.rsa, "RS256 RS384 RS512 PS256 PS384 PS512"},
		{"secret in a JWK", inFile(t, string(encode(t, jwk("", "", []byte(strings.Repeat(secret, 2)))))), []byte(strings.Repeat(secret, 2)), "HS256 HS384 HS512"},
		{"Ed25519 in a set", inFile(t, set(t, jwk("a", "", k.ed.Public()))), k.ed, "EdDSA"},
		{"JWK with its algorithm", inFile(t, set(t, jwk("a", "PS256", k.rsa.Public()))), k.rsa, "PS256"},
	} {
		a := open(t, c.cfg)
		for alg := range strings.FieldsSeq(c.algorithms) {
			want(t, c.name, a, jwt.Sign(t, jose.SignatureAlgorithm(alg), c.signer, nil, []byte(payload(t))))
		}
		for _, alg := range jwtauth.Algorithms() { // whatever can be made with another key
			if other := otherSigner(jose.SignatureAlgorithm(alg)); !strings.Contains(c.algorithms, alg) {
				p, _, err := a.Authenticate(t.Context(), header(jwt.Sign(t, jose.SignatureAlgorithm(alg), other, nil, []byte(payload(t)))))
				if refused, ok := err.(*access.RefusedError); p != nil || !ok || refused.Code != access.RefusedSignature { //nolint:errorlint // it is not wrapped
					t.Errorf("%s, %s: %+v, %v", c.name, alg, p, err)
				}
			}
		}
	}
}

func otherSigner(alg jose.SignatureAlgorithm) any {
	switch k := keys(); alg {
	case jose.ES256:
		return k.p256
	case jose.ES384:
		return k.p384
	case jose.ES512:
		return k.p521
	case jose.EdDSA:
		return k.ed
	case jose.HS256, jose.HS384, jose.HS512:
		return []byte(strings.Repeat("x", 64))
	default:
		return k.rsa
	}
}

// A secret of any length is taken as RFC 2104 has it.
func TestASecretSignsWithAllHMACs(t *testing.T) { // A3
	t.Parallel()
	a := open(t, with(func(c *jwtauth.Config) { c.Secret = "short" }))
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		cfg := with(func(c *jwtauth.Config) { c.Secret, c.Algorithms = "short", []string{alg} })
		token, err := jwtauth.Mint(cfg, &access.Principal{Subject: "alice", Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		want(t, alg, a, token)
	}
	// One that was signed elsewhere, with the key as it is.
	head, body := raw64(`{"alg":"HS256"}`), raw64(payload(t))
	want(t, "of another program", a, head+"."+body+"."+raw64(string(hmac256([]byte("short"), head+"."+body))))
}

func TestOnlyAllowedAlgorithmsCount(t *testing.T) { // A3
	t.Parallel()
	cfg := inFile(t, set(t, jwk("a", "", keys().rsa.Public()), jwk("b", "", keys().p256.Public())))
	cfg.Algorithms = []string{"PS256", "ES256"}
	a := open(t, cfg)
	body := []byte(payload(t))
	want(t, "PS256", a, jwt.Sign(t, jose.PS256, keys().rsa, nil, body))
	want(t, "ES256", a, jwt.Sign(t, jose.ES256, keys().p256, nil, body))
	refuse(t, "RS256", a, jwt.Sign(t, jose.RS256, keys().rsa, nil, body), access.RefusedSignature, "its algorithm RS256 is not one of those of its key; allowed are PS256, ES256")
}

func certificate(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestFormsOfKeyFiles(t *testing.T) { // A3
	t.Parallel()
	k := keys()
	good := map[string]string{
		"certificate":          certificate(t, k.rsa),
		"PKCS 1":               block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)),
		"with text around it":  "# of our issuer\n" + pemOf(t, k.rsa.Public()) + "\n\n",
		"two keys":             pemOf(t, k.p256.Public()) + pemOf(t, k.rsa.Public()),
		"with white space":     "\n  " + set(t, jwk("", "", k.rsa.Public())) + "\n",
		"what cannot be used":  `{"keys":[{"kty":"XYZ"},{"kty":"RSA"},1,{"kty":"RSA","use":"enc","n":"AQ","e":"AQAB"},` + string(encode(t, jwk("", "", k.rsa.Public()))) + `]}`,
		"beside other members": `{"issuer":"x","keys":[` + string(encode(t, jwk("", "", k.rsa.Public()))) + `]}`,
	}
	for name, text := range good {
		want(t, name, open(t, inFile(t, text)), jwt.Sign(t, jose.RS256, k.rsa, nil, []byte(payload(t))))
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k.rsa)
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat(`{"kty":"oct","k":"AA"},`, 101)
	for name, c := range map[string]struct{ text, reason string }{
		"empty":               {" \n", "it is empty"},
		"a word":              {"secret", "neither PEM nor JSON"},
		"half of one":         {pemOf(t, k.rsa.Public())[:100], "neither PEM nor JSON"},
		"a private key":       {block("PRIVATE KEY", pkcs8), "it is a private key"},
		"an RSA private key":  {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k.rsa)), "it is a private key"},
		"a private JWK":       {string(encode(t, jwk("", "", k.rsa))), "it is a private key"},
		"a private Ed25519":   {string(encode(t, jwk("", "", k.ed))), "it is a private key"},
		"a small RSA key":     {pemOf(t, small.Public()), "1024 bits"},
		"P-224":               {pemOf(t, p224.Public()), "curve P-224"},
		"an SSH key":          {block("OPENSSH PUBLIC KEY", nil), "only public keys"},
		"a broken block":      {block("PUBLIC KEY", []byte("x")), `PEM block "PUBLIC KEY"`},
		"a broken JSON":       {`{"keys":`, "no JWK"},
		"no keys":             {`{"keys":[]}`, "no key that can be used"},
		"no usable key":       {`{"keys":[{"kty":"XYZ"}]}`, "key 1"},
		"an object":           {`{}`, "missing json web key type"},
		"keys of no list":     {`{"keys":{}}`, "no JWK"},
		"for encryption":      {`{"keys":[` + strings.Replace(string(encode(t, jwk("", "", k.rsa.Public()))), "{", `{"use":"enc",`, 1) + `]}`, "not for signatures"},
		"of no use":           {string(encode(t, jwk("", "ES256", k.rsa.Public()))), `cannot have its algorithm "ES256"`},
		"for none":            {string(encode(t, jwk("", "none", k.rsa.Public()))), `cannot have its algorithm "none"`},
		"HMAC of public key":  {string(encode(t, jwk("", "HS256", k.rsa.Public()))), `cannot have its algorithm "HS256"`},
		"too many":            {`{"keys":[` + strings.TrimSuffix(many, ",") + `]}`, "101 keys"},
		"more than a file is": {strings.Repeat("x", 2<<20), "more than 1048576 bytes"},
	} {
		if _, err := jwtauth.New(inFile(t, c.text), silent); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
	if _, err := jwtauth.New(with(func(c *jwtauth.Config) { c.KeyFile = t.TempDir() }), silent); err == nil {
		t.Error("a folder: no error")
	}
}
