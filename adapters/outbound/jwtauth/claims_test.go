package jwtauth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/domain/access"
	"heliograph/test/contract/authenticatorcontract"
	"heliograph/test/jwt"
)

func TestAuthenticatorContract(t *testing.T) {
	t.Parallel()
	authenticatorcontract.Run(t, func(t *testing.T) authenticatorcontract.Subject {
		exp := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
		issued := exp.Add(-2 * time.Hour)
		plain := token(t, map[string]any{"exp": exp.Unix(), "iat": issued.Unix()})
		full := token(t, map[string]any{"exp": exp.Unix(), "iat": issued.Unix(), "roles": []string{"staff"}, "scope": "stream deploy openid", "jti": "1"})
		alice := &access.Principal{Subject: "alice", Scopes: defaultScopes, Expires: exp, Issued: issued}
		return authenticatorcontract.Subject{
			Authenticator: open(t, bySecret),
			Good: map[string]authenticatorcontract.Proof{
				"plain":  {Credential: header(plain), Principal: alice},
				"cookie": {Credential: access.Credential{Source: access.FromCookie, Text: plain}, Principal: alice},
				"full": {Credential: header(full), Principal: &access.Principal{
					Subject: "alice", Roles: []string{"staff"}, Scopes: access.ScopesOf(access.Stream), OtherScopes: []string{"deploy"},
					Expires: exp, Issued: issued, CredentialID: "1",
				}},
			},
			Refused: map[string]authenticatorcontract.Refusal{
				"ended":      {Credential: header(token(t, map[string]any{"exp": 1})), Code: access.RefusedExpired, Reason: "do the clocks differ?"},
				"changed":    {Credential: header(plain[:len(plain)-10] + "AAAAAAAAAA"), Code: access.RefusedSignature},
				"no subject": {Credential: header(token(t, map[string]any{"sub": nil})), Code: access.RefusedMalformed, Reason: "sub"},
			},
			Foreign: map[string]access.Credential{"an API key": header("hk_x"), "a proxy": {Source: access.FromProxy, Text: plain}, "one dot": header("a.b")},
		}
	})
}

func TestClaimsSayWhoAndWhat(t *testing.T) { // A3, A8
	t.Parallel()
	nested := with(func(c *jwtauth.Config) {
		c.Secret, c.SubjectClaim, c.RolesClaim, c.ScopesClaim = secret, "user.id", "realm_access.roles", "https://example.com/scopes"
	})
	for name, c := range map[string]struct {
		cfg     jwtauth.Config
		changes map[string]any
		want    string // subject, roles, scopes, other scopes
	}{
		"no scopes":                 {bySecret, nil, "alice||stream tasks:read|"},
		"words":                     {bySecret, map[string]any{"scope": "admin  tasks:work", "roles": "a b"}, "alice|a,b|tasks:work admin|"},
		"lists":                     {bySecret, map[string]any{"scope": []string{"admin", "tasks:work"}, "roles": []string{"a b", "c"}}, "alice|a b,c|tasks:work admin|"},
		"an empty text":             {bySecret, map[string]any{"scope": "", "roles": ""}, "alice|||"},
		"empty lists":               {bySecret, map[string]any{"scope": []string{}, "roles": []string{}}, "alice|||"},
		"scopes of others":          {bySecret, map[string]any{"scope": "openid profile email"}, "alice|||"},
		"scopes of types":           {bySecret, map[string]any{"scope": "deploy stream other"}, "alice||stream|deploy"},
		"nested":                    {nested, map[string]any{"user": map[string]any{"id": "bob"}, "realm_access": map[string]any{"roles": []string{"x"}}, "https://example.com/scopes": "stream"}, "bob|x|stream|"},
		"a name with dots":          {nested, map[string]any{"user.id": "carol", "user": map[string]any{"id": "bob"}, "realm_access.roles": []string{"y"}}, "carol|y|stream tasks:read|"},
		"a path that leads nowhere": {nested, map[string]any{"user.id": "carol", "realm_access": "roles"}, "carol||stream tasks:read|"},
		"a URL as subject":          {bySecret, map[string]any{"sub": "https://id.example/u/1"}, "https://id.example/u/1||stream tasks:read|"},
		"any letters":               {bySecret, map[string]any{"sub": "auth0|ü 1"}, "auth0|ü 1||stream tasks:read|"},
	} {
		p := want(t, name, open(t, c.cfg), token(t, c.changes))
		got := strings.Join([]string{p.Subject, strings.Join(p.Roles, ","), p.Scopes.String(), strings.Join(p.OtherScopes, ",")}, "|")
		if got != c.want || p.TaskID != "" || len(p.TaskTypes) > 0 {
			t.Errorf("%s: %s, want %s (%+v)", name, got, c.want, p)
		}
	}
}

func TestClaimsThatMakeNoSenseAreRefused(t *testing.T) { // A3
	t.Parallel()
	a := open(t, bySecret)
	many := make([]string, 201)
	for i := range many {
		many[i] = fmt.Sprint("r", i)
	}
	for name, c := range map[string]struct {
		changes map[string]any
		code    access.RefusalCode
		reason  string
	}{
		"no subject":             {map[string]any{"sub": nil}, access.RefusedMalformed, `"sub"`},
		"an empty subject":       {map[string]any{"sub": ""}, access.RefusedMalformed, `"sub"`},
		"a number":               {map[string]any{"sub": 1}, access.RefusedMalformed, `"sub" is not a text`},
		"a long subject":         {map[string]any{"sub": strings.Repeat("a", 257)}, access.RefusedMalformed, "257 bytes"},
		"a control character":    {map[string]any{"sub": "a\nb"}, access.RefusedMalformed, "control"},
		"an API key's":           {map[string]any{"sub": "key:backend"}, access.RefusedSignature, "only this service"},
		"a task's":               {map[string]any{"sub": "heliograph:task/1"}, access.RefusedSignature, "only this service"},
		"ours":                   {map[string]any{"sub": "heliograph:x"}, access.RefusedSignature, "only this service"},
		"roles of a number":      {map[string]any{"roles": 1}, access.RefusedMalformed, `"roles"`},
		"roles of numbers":       {map[string]any{"roles": []int{1}}, access.RefusedMalformed, `"roles"`},
		"roles of an object":     {map[string]any{"roles": map[string]any{"admin": true}}, access.RefusedMalformed, `"roles"`},
		"an empty role":          {map[string]any{"roles": []string{""}}, access.RefusedMalformed, `"roles"`},
		"too many roles":         {map[string]any{"roles": many}, access.RefusedMalformed, "201 names, at most 200"},
		"a long role":            {map[string]any{"roles": []string{strings.Repeat("a", 257)}}, access.RefusedMalformed, "257 bytes"},
		"scopes of a number":     {map[string]any{"scope": 511}, access.RefusedMalformed, `"scope"`},
		"scopes of lists":        {map[string]any{"scope": [][]string{{"admin"}}}, access.RefusedMalformed, `"scope"`},
		"scopes of true":         {map[string]any{"scope": true}, access.RefusedMalformed, `"scope"`},
		"an ID that is a number": {map[string]any{"jti": 1}, access.RefusedMalformed, `"jti"`},
		"a long ID":              {map[string]any{"jti": strings.Repeat("a", 257)}, access.RefusedMalformed, `"jti"`},
	} {
		refuse(t, name, a, token(t, c.changes), c.code, c.reason)
	}
	refuse(t, "null scopes", a, raw(t, `{"alg":"HS256"}`, `{"sub":"alice","exp":9999999999,"scope":null}`), access.RefusedMalformed, "null")
}

func TestIssuerAndAudienceAreChecked(t *testing.T) { // A3
	t.Parallel()
	a := open(t, with(func(c *jwtauth.Config) { c.Secret, c.Issuer, c.Audience = secret, "https://id.example", "heliograph" }))
	for name, aud := range map[string]any{"one": "heliograph", "several": []string{"x", "heliograph"}} {
		want(t, name, a, token(t, map[string]any{"iss": "https://id.example", "aud": aud}))
	}
	for name, iss := range map[string]any{"none": nil, "another": "https://evil.example", "longer": "https://id.example/", "case": "HTTPS://id.example", "a list": []string{"https://id.example"}} {
		refuse(t, name, a, token(t, map[string]any{"iss": iss, "aud": "heliograph"}), access.RefusedSignature, `its issuer (iss) is not "https://id.example"`)
	}
	for name, aud := range map[string]any{"none": nil, "another": "x", "a part": "heliograph2", "words": "x heliograph", "nested": []any{[]string{"heliograph"}}, "an object": map[string]any{"heliograph": 1}, "empty": []string{}} {
		refuse(t, name, a, token(t, map[string]any{"iss": "https://id.example", "aud": aud}), access.RefusedSignature, `its audience (aud) does not have "heliograph"`)
	}
}

// A stream ends with its credential, so the credential says when that is.
func TestACredentialEndsWhenItSays(t *testing.T) { // A3, A17
	t.Parallel()
	a := open(t, bySecret)
	now := time.Now().Truncate(time.Second)
	if p := want(t, "an hour", a, token(t, map[string]any{"exp": now.Add(time.Hour).Unix()})); !p.Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("it expires at %s", p.Expires)
	}
	late := now.Add(-30 * time.Second) // taken only for the leeway, which ends
	if p := want(t, "in the leeway", a, token(t, map[string]any{"exp": late.Unix()})); !p.Expires.Equal(late.Add(time.Minute)) {
		t.Errorf("it expires at %s", p.Expires)
	}
	if p := want(t, "without iat", a, token(t, map[string]any{"iat": nil})); !p.Issued.IsZero() {
		t.Errorf("it was issued at %s", p.Issued)
	}
}

func TestAMintedTokenIsGood(t *testing.T) {
	t.Parallel()
	cfg := with(func(c *jwtauth.Config) {
		c.Secret, c.Issuer, c.Audience, c.SubjectClaim, c.RolesClaim, c.ScopesClaim = secret, "i", "a", "user.id", "https://example.com/roles", "user.scopes"
	})
	p := &access.Principal{
		Subject: "alice", Roles: []string{"a b"}, Scopes: access.ScopesOf(access.Admin), OtherScopes: []string{"deploy"}, Expires: time.Now().Add(time.Hour).Truncate(time.Second),
	}
	text, err := jwtauth.Mint(cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	got := want(t, "minted", open(t, cfg), text)
	if got.Subject != "alice" || !slices.Equal(got.Roles, p.Roles) || got.Scopes != p.Scopes || !slices.Equal(got.OtherScopes, p.OtherScopes) ||
		!got.Expires.Equal(p.Expires) || got.Issued.IsZero() || got.CredentialID == "" {
		t.Errorf("it is %+v", got)
	}
	if head, body, err := jwtauth.Read(text); err != nil || !strings.Contains(string(head), "HS256") || !strings.Contains(string(body), "alice") {
		t.Errorf("it says %s, %s, %v", head, body, err)
	}
	for _, bad := range []string{"", "x", "a.b.c", "..", "e30.e30", strings.Repeat("a", 20000) + "..", "e30.!.x"} {
		if _, _, err := jwtauth.Read(bad); err == nil {
			t.Errorf("Read(%.20q): no error", bad)
		}
	}
	if _, err := jwtauth.Mint(inFile(t, pemOf(t, keys().rsa.Public())), p); err == nil {
		t.Error("minted without a secret")
	}
}

func FuzzToken(f *testing.F) {
	a, err := jwtauth.New(bySecret, silent)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA", "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiYjY0Il19.e30.", "a.b.c.d.e",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { // nobody guesses the secret
		if p, known, err := a.Authenticate(t.Context(), header(text)); p != nil || known == (err == nil) {
			t.Errorf("%q: %+v, %t, %v", text, p, known, err)
		}
	})
}

// Whatever a signed token says, it is refused or names somebody who can be.
func FuzzClaims(f *testing.F) {
	a, err := jwtauth.New(bySecret, silent)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`{"sub":"a","exp":9999999999}`, `{"sub":"a","exp":9999999999,"roles":["x"],"scope":"admin"}`, `{"sub":"key:a","exp":9999999999}`, `{"exp":1e999}`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		p, _, err := a.Authenticate(t.Context(), header(raw(t, `{"alg":"HS256"}`, said)))
		if (p == nil) == (err == nil) {
			t.Fatalf("%q: %+v, %v", said, p, err)
		}
		if p != nil && (access.CheckName(p.Subject) != nil || access.Reserved(p.Subject) || !p.Expires.After(time.Now()) || p.TaskID != "") {
			t.Errorf("%q: %+v", said, p)
		}
	})
}

// What each request costs with authentication.
func BenchmarkAuthenticate(b *testing.B) {
	for name, c := range map[string]struct {
		cfg   func(t testing.TB) jwtauth.Config
		token func(t testing.TB) string
	}{
		"HS256": {func(testing.TB) jwtauth.Config { return bySecret }, func(t testing.TB) string { return token(t, map[string]any{"roles": []string{"a", "b", "c"}}) }},
		"RS256": {func(t testing.TB) jwtauth.Config { return inFile(t, pemOf(t, keys().rsa.Public())) }, func(t testing.TB) string { return jwt.Sign(t, jose.RS256, keys().rsa, nil, []byte(payload(t))) }},
		"ES256": {func(t testing.TB) jwtauth.Config { return inFile(t, pemOf(t, keys().p256.Public())) }, func(t testing.TB) string { return jwt.Sign(t, jose.ES256, keys().p256, nil, []byte(payload(t))) }},
	} {
		b.Run(name, func(b *testing.B) {
			a, err := jwtauth.New(c.cfg(b), silent)
			if err != nil {
				b.Fatal(err)
			}
			credential := header(c.token(b))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := a.Authenticate(b.Context(), credential); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
