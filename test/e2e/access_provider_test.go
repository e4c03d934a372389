package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"heliograph/test/jwt"
)

// provider is a small OpenID provider, as far as a service and a page need one: its
// discovery document, its keys, and a form of its own in which a user logs in, after
// which the page gets a code and the page's server a JWT for it.
type provider struct {
	url    string
	server *httptest.Server
	over   chan struct{} // closed when the test has ended

	mu    sync.Mutex
	kid   int                         // number of the newest key; guarded by mu
	keys  []*rsa.PrivateKey           // all that were made, the last one signs; guarded by mu
	codes map[string]url.Values       // the logins by code; guarded by mu
	jwks  func(w http.ResponseWriter) // nil answers with the keys; guarded by mu
	asked int                         // how often the keys were asked for; guarded by mu
}

// startProvider runs a provider whose issuer is its URL.
func startProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{codes: map[string]url.Values{}, over: make(chan struct{})}
	p.rotate(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.serveDiscovery)
	mux.HandleFunc("GET /keys", p.serveKeys)
	mux.HandleFunc("GET /authorize", p.serveLogin)
	mux.HandleFunc("OPTIONS /", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { p.serveToken(t, w, r) })
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		mux.ServeHTTP(w, r)
	}))
	p.url = p.server.URL
	t.Cleanup(func() {
		close(p.over)
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// env is the configuration of a service that trusts the provider, read from its
// discovery document as docs/access.md says.
func (p *provider) env(t *testing.T) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := send(p.server.Client(), req)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Issuer string
		Keys   string `json:"jwks_uri"`
	}
	got.into(t, &document)
	return []string{
		"AUTH=required", "AUTH_JWKS_URL=" + document.Keys, "AUTH_JWT_ISSUER=" + document.Issuer, "AUTH_JWT_AUDIENCE=heliograph",
		"AUTH_ROLES_CLAIM=realm_access.roles", versionless,
	}
}

func (p *provider) serveDiscovery(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": p.url, "jwks_uri": p.url + "/keys", "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (p *provider) serveKeys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	p.asked++
	answer, set := p.jwks, jose.JSONWebKeySet{}
	for i, key := range p.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: fmt.Sprintf("key-%d", i), Use: "sig", Algorithm: string(jose.RS256)})
	}
	p.mu.Unlock()
	if answer != nil {
		answer(w)
		return
	}
	_ = json.NewEncoder(w).Encode(set)
}

// serveLogin has a login without a password: the user is in the query's login_hint.
func (p *provider) serveLogin(w http.ResponseWriter, r *http.Request) {
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = r.URL.Query()
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {r.FormValue("state")}}
	http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *provider) serveToken(t *testing.T, w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	login, found := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	digest := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !found || r.FormValue("grant_type") != "authorization_code" || r.FormValue("redirect_uri") != login.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(digest[:]) != login.Get("code_challenge") {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": p.token(t, login.Get("login_hint"), nil), "token_type": "Bearer", "expires_in": 3600})
}

// rotate has the provider sign with a new key; it still publishes the former ones.
func (p *provider) rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
	p.kid = len(p.keys) - 1
}

// signer returns the key that signs now, and the header that names it.
func (p *provider) signer() (*rsa.PrivateKey, map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[p.kid], map[string]any{"kid": fmt.Sprintf("key-%d", p.kid)}
}

// claims are those of the provider's JWTs for the service.
func (p *provider) claims(subject string, more claims) claims {
	c := jwt.Claims(subject, claims{"iss": p.url, "aud": []string{"account", "heliograph"}, "realm_access": map[string]any{"roles": []string{"users"}}})
	maps.Copy(c, more)
	return c
}

// token returns a JWT for the service.
func (p *provider) token(t *testing.T, subject string, more claims) string {
	t.Helper()
	key, header := p.signer()
	return jwt.SignClaims(t, jose.RS256, key, header, p.claims(subject, more))
}

// answerKeys has the keys answered so; nil is as they should be.
func (p *provider) answerKeys(answer func(http.ResponseWriter)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jwks = answer
}

// timesAsked is how often the keys were asked for.
func (p *provider) timesAsked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}
