package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"heliograph/adapters/outbound/tasktokens"
	"heliograph/bootstrap"
	"heliograph/domain/access"
)

const jwtKey = "0123456789abcdef0123456789abcdef"

func TestATokenIsMintedAndExplained(t *testing.T) { // A3
	environ := map[string]string{
		"AUTH": "required", "AUTH_JWT_KEY": jwtKey, "AUTH_JWT_ISSUER": "https://id.example", "AUTH_JWT_AUDIENCE": "heliograph", "AUTH_ROLES_CLAIM": "realm_access.roles",
	}
	status, token, stderr := call(t, environ, "token", "--subject", "alice", "--role", "staff,ops", "--scope", "stream,tasks:read", "--expires", "2h")
	if status != 0 || stderr != "" || strings.Count(token, ".") != 2 {
		t.Fatalf("exit status %d, %q, %q", status, token, stderr)
	}
	token = strings.TrimSpace(token)
	for name, args := range map[string][]string{"plain": {token}, "with Bearer": {"Bearer " + token}, "from standard input": {"-"}} {
		var out, errs bytes.Buffer
		p := program{
			args: append([]string{"token", "explain"}, args...), environ: environ, stdin: strings.NewReader(token + "\n"), stdout: &out, stderr: &errs,
			host: bootstrap.Host{Name: "node-1"},
		}
		if status := p.run(t.Context()); status != 0 || errs.Len() > 0 {
			t.Errorf("%s: exit status %d, %s", name, status, errs.String())
		}
		for _, want := range []string{`"alg": "HS256"`, `"sub": "alice"`, "exp is 2", "good: it is of alice", "with the roles staff, ops", "with the scopes stream tasks:read", "until 2"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, out.String())
			}
		}
	}
}

func TestExplainSaysWhyACredentialWouldBeRefused(t *testing.T) { // A3
	minted := func(environ map[string]string) string {
		status, token, stderr := call(t, environ, "token", "--subject", "alice")
		if status != 0 {
			t.Fatal(stderr)
		}
		return strings.TrimSpace(token)
	}
	environ := map[string]string{"AUTH": "required", "AUTH_JWT_KEY": jwtKey}
	good := minted(environ)
	for name, c := range map[string]struct {
		environ map[string]string
		token   string
		want    string
	}{
		"another key":      {environ, minted(map[string]string{"AUTH_JWT_KEY": jwtKey + "x"}), "refused: CREDENTIAL_INVALID, its signature is wrong"},
		"another issuer":   {map[string]string{"AUTH": "required", "AUTH_JWT_KEY": jwtKey, "AUTH_JWT_ISSUER": "x"}, good, `refused: CREDENTIAL_INVALID, its issuer (iss) is not "x"`},
		"no token":         {environ, "x", "refused: CREDENTIAL_MALFORMED"},
		"alg none":         {environ, "eyJhbGciOiJub25lIn0.e30.", "refused: CREDENTIAL_INVALID, its algorithm \"none\" is not allowed"},
		"an API key":       {environ, "hk_s3cret", "refused: CREDENTIAL_MALFORMED"},
		"a token of tasks": {environ, "ht_e30.e30.e30", "refused: CREDENTIAL_MALFORMED"},
	} {
		status, stdout, stderr := call(t, c.environ, "token", "explain", c.token)
		if status != 1 || !strings.Contains(stdout, c.want) || stderr != "" {
			t.Errorf("%s: exit status %d, %q, %q; want %q", name, status, stdout, stderr, c.want)
		}
	}
}

func TestATokenThatCannotBeMintedIsAnError(t *testing.T) { // A3
	for name, c := range map[string]struct {
		environ map[string]string
		args    []string
		want    string
	}{
		"without the key":    {nil, []string{"--subject", "alice"}, "AUTH_JWT_KEY: it is not set"},
		"without a subject":  {map[string]string{"AUTH_JWT_KEY": jwtKey}, nil, "--subject"},
		"an empty subject":   {map[string]string{"AUTH_JWT_KEY": jwtKey}, []string{"--subject", ""}, "--subject"},
		"ended":              {map[string]string{"AUTH_JWT_KEY": jwtKey}, []string{"--subject", "alice", "--expires=-1h"}, "over already"},
		"never ends":         {map[string]string{"AUTH_JWT_KEY": jwtKey}, []string{"--subject", "alice", "--expires", ""}, "--expires"},
		"a public key alone": {map[string]string{"AUTH_JWT_KEY": jwtKey, "AUTH_JWT_ALGORITHMS": "RS256"}, []string{"--subject", "alice"}, "cannot sign with RS256"},
	} {
		if status, stdout, stderr := call(t, c.environ, append([]string{"token", "new"}, c.args...)...); status != 1 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit status %d, %q, %q; want %q", name, status, stdout, stderr, c.want)
		}
	}
}

// A token for one task is no wrong one because this command has no key for it.
func TestATokenOfARunningServiceIsNotCalledInvalid(t *testing.T) { // A8
	tokens, err := tasktokens.New(tasktokens.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Issue(t.Context(), &access.Principal{Subject: access.TaskSubject + "t1", TaskID: "t1", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := call(t, map[string]string{"AUTH": "required", "AUTH_JWT_KEY": jwtKey}, "token", "explain", token)
	if status != 1 || stdout != "" || !strings.Contains(stderr, "by the running service only") || strings.Contains(stderr, token) {
		t.Errorf("exit status %d, %q, %q", status, stdout, stderr)
	}
}
