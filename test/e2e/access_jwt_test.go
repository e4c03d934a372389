package e2e_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heliograph/test/jwt"
)

// unsigned returns a JWT with this header and no signature, or the one that is given.
func unsigned(t *testing.T, header string, c claims, signature string) string {
	t.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + signature
}

// What is not signed by the provider, or not for this service, is refused everywhere.
func TestAForgedJWTIsRefused(t *testing.T) { // A3, A9
	t.Parallel()
	p := startProvider(t)
	s := start(t, p.env(t)...)
	good := p.token(t, "ann", nil)
	eventually(t, "the keys are there", func() bool { return s.as(good).call(t, "GET", "/api/tasks", "").status == http.StatusOK })

	key, named := p.signer()
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	publicJWK, err := jose.JSONWebKey{Key: key.Public(), KeyID: "key-0"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	foreign := startProvider(t)
	foreignKey, _ := foreign.signer()
	c := p.claims("ann", claims{"scope": allScopes + " admin"})
	parts := strings.Split(good, ".")
	changed := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(unbase64(t, parts[1]), "ann", "bob", 1)))
	for name, forged := range map[string]struct{ token, code string }{
		"alg none":                   {unsigned(t, `{"alg":"none","typ":"JWT"}`, c, ""), "CREDENTIAL_INVALID"},
		"alg NONE":                   {unsigned(t, `{"alg":"NONE","typ":"JWT"}`, c, "AAAA"), "CREDENTIAL_INVALID"},
		"HMAC with the public PEM":   {jwt.SignClaims(t, jose.HS256, publicPEM, named, c), "CREDENTIAL_INVALID"},
		"HMAC with the public DER":   {jwt.SignClaims(t, jose.HS256, public, named, c), "CREDENTIAL_INVALID"},
		"HMAC with the public JWK":   {jwt.SignClaims(t, jose.HS512, publicJWK, named, c), "CREDENTIAL_INVALID"},
		"another key, the right kid": {jwt.SignClaims(t, jose.RS256, foreignKey, named, c), "CREDENTIAL_INVALID"},
		"another key, without kid":   {jwt.SignClaims(t, jose.RS256, foreignKey, nil, c), "CREDENTIAL_INVALID"},
		"an unknown kid":             {jwt.SignClaims(t, jose.RS256, foreignKey, map[string]any{"kid": "key-9"}, c), "CREDENTIAL_UNKNOWN"},
		"a kid that is a path":       {jwt.SignClaims(t, jose.RS256, foreignKey, map[string]any{"kid": "../../dev/null"}, c), "CREDENTIAL_UNKNOWN"},
		"a key in the header":        {jwt.SignClaims(t, jose.RS256, foreignKey, map[string]any{"jwk": jose.JSONWebKey{Key: foreignKey.Public()}}, c), "CREDENTIAL_INVALID"},
		"a URL of keys in the header": {
			jwt.SignClaims(t, jose.RS256, foreignKey, map[string]any{"kid": "key-0", "jku": foreign.url + "/keys"}, c), "CREDENTIAL_INVALID",
		},
		"another issuer":                      {p.token(t, "ann", claims{"iss": foreign.url}), "CREDENTIAL_INVALID"},
		"another audience":                    {p.token(t, "ann", claims{"aud": "another"}), "CREDENTIAL_INVALID"},
		"no audience":                         {p.token(t, "ann", claims{"aud": nil}), "CREDENTIAL_INVALID"},
		"changed claims":                      {parts[0] + "." + changed + "." + parts[2], "CREDENTIAL_INVALID"},
		"no end":                              {p.token(t, "ann", claims{"exp": nil}), "CREDENTIAL_MALFORMED"},
		"expired":                             {p.token(t, "ann", claims{"exp": time.Now().Add(-2 * time.Minute).Unix()}), "CREDENTIAL_EXPIRED"},
		"not yet good":                        {p.token(t, "ann", claims{"nbf": time.Now().Add(2 * time.Minute).Unix()}), "CREDENTIAL_NOT_YET_VALID"},
		"no subject":                          {p.token(t, "", nil), "CREDENTIAL_MALFORMED"},
		"the subject of a key":                {p.token(t, "key:reports", nil), "CREDENTIAL_INVALID"},
		"the subject of a token for one task": {p.token(t, "heliograph:task/"+absent, nil), "CREDENTIAL_INVALID"},
		"no JWT at all":                       {"abc", "CREDENTIAL_MALFORMED"},
	} {
		t.Log(name)
		forger := s.as(forged.token)
		forger.refused(t, http.StatusUnauthorized, forged.code, "GET", "/api/tasks", "")
		forger.refused(t, http.StatusUnauthorized, forged.code, "POST", "/api/tasks", quickTask)
		forger.refused(t, http.StatusUnauthorized, forged.code, "POST", "/api/sse/ticket", "")
		forger.refusedStream(t, http.StatusUnauthorized, forged.code, "a")
		s.logs.mustBeClean(t, forged.token)
	}
	if n := foreign.timesAsked(); n > 0 {
		t.Errorf("A3: the keys that a header names were fetched %d times", n)
	}
	s.as(good).must(t, http.StatusOK, "GET", "/api/tasks", "")
}

func unbase64(t *testing.T, text string) string {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(decoded)
}

// badKeys are ways in which a provider fails.
func badKeys() map[string]func(http.ResponseWriter, *provider) {
	return map[string]func(http.ResponseWriter, *provider){
		"an error": func(w http.ResponseWriter, _ *provider) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":  func(w http.ResponseWriter, _ *provider) { _, _ = w.Write([]byte("<html>")) },
		"no keys":  func(w http.ResponseWriter, _ *provider) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"huge": func(w http.ResponseWriter, _ *provider) {
			for range 4096 {
				if _, err := w.Write([]byte(strings.Repeat(" ", 4096))); err != nil {
					return
				}
			}
			_, _ = w.Write([]byte(`{"keys":[]}`))
		},
		"slow": func(w http.ResponseWriter, p *provider) {
			_, _ = w.Write([]byte(`{"keys":[`))
			_ = http.NewResponseController(w).Flush()
			<-p.over
		},
	}
}

// While the provider's keys cannot be had at the start, the service is up and says so;
// it has them as soon as they are there.
func TestAStartWithoutTheKeysOfTheProviderGoesOn(t *testing.T) { // A3
	t.Parallel()
	for name, answer := range badKeys() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProvider(t)
			p.answerKeys(func(w http.ResponseWriter) { answer(w, p) })
			s := start(t, p.env(t)...)
			ann := s.as(p.token(t, "ann", nil))
			ann.refused(t, http.StatusServiceUnavailable, "AUTH_UNAVAILABLE", "GET", "/api/tasks", "")
			if got := s.call(t, "GET", "/readyz", ""); got.status != http.StatusServiceUnavailable || !strings.Contains(string(got.body), "keys for JWTs") {
				t.Errorf("A3: ready says %d %s", got.status, got.body)
			}
			s.must(t, http.StatusOK, "GET", "/healthz", "")
			p.answerKeys(nil)
			eventually(t, "the keys are there", func() bool { return ann.call(t, "GET", "/api/tasks", "").status == http.StatusOK })
			s.must(t, http.StatusOK, "GET", "/readyz", "")
		})
	}
}

// When the keys cannot be fetched any more the former ones stay; a new key of the provider
// counts as soon as a JWT names it, and unknown ones do not have it asked again and again.
func TestTheProviderRotatesItsKey(t *testing.T) { // A3
	t.Parallel()
	for name, answer := range badKeys() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProvider(t)
			s := start(t, p.env(t)...)
			old := s.as(p.token(t, "ann", nil))
			eventually(t, "the keys are there", func() bool { return old.call(t, "GET", "/api/tasks", "").status == http.StatusOK })
			p.answerKeys(func(w http.ResponseWriter) { answer(w, p) })
			p.rotate(t)
			fresh := s.as(p.token(t, "ann", nil))
			fresh.refused(t, http.StatusUnauthorized, "CREDENTIAL_UNKNOWN", "GET", "/api/tasks", "")
			old.must(t, http.StatusOK, "GET", "/api/tasks", "")
			asked := p.timesAsked()
			for range 50 {
				fresh.call(t, "GET", "/api/tasks", "")
			}
			if more := p.timesAsked() - asked; more > 5 { // one in five seconds
				t.Errorf("A3: 50 unknown kids had the provider asked %d times", more)
			}
			p.answerKeys(nil)
			eventually(t, "the new key counts", func() bool { return fresh.call(t, "GET", "/api/tasks", "").status == http.StatusOK })
			old.must(t, http.StatusOK, "GET", "/api/tasks", "")
		})
	}
}
