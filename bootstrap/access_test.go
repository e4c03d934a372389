package bootstrap_test

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heliograph/adapters/outbound/apikeys"
	"heliograph/bootstrap"
	"heliograph/domain/access"
)

const jwtKey = "0123456789abcdef0123456789abcdef"

func mint(t *testing.T, environ map[string]string, subject string, scopes ...access.Scope) string {
	t.Helper()
	token, err := bootstrap.MintToken(load(t, environ), &access.Principal{Subject: subject, Scopes: access.ScopesOf(scopes...), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// as is get with a credential.
func as(t *testing.T, credential, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+credential)
	return do(t, req)
}

func TestAServiceWithoutAuthenticationInProductionSaysSo(t *testing.T) { // A1
	for name, c := range map[string]struct {
		environ map[string]string
		want    []string // warnings
	}{
		"development":     {nil, nil},
		"production":      {map[string]string{"APP_ENV": "production", "AUTH": "none"}, []string{"AUTH=none in production"}},
		"authenticated":   {map[string]string{"APP_ENV": "production", "AUTH": "required", "AUTH_JWT_KEY": jwtKey}, nil},
		"a key of no use": {map[string]string{"AUTH_JWT_KEY": jwtKey}, []string{"credentials are configured and not asked for"}},
	} {
		var log bytes.Buffer
		app, err := bootstrap.New(t.Context(), load(t, c.environ), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Close(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "\n"); n != len(c.want) || strings.Contains(log.String(), jwtKey) {
			t.Errorf("%s: the log is\n%s", name, log.String())
		}
		for _, want := range c.want {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, log.String())
			}
		}
	}
}

func TestScopesThatNobodyKnowsEndTheStart(t *testing.T) { // A5, A8
	types := taskFile(t, "tasks:\n  release: {command: [ls], scope: deploy}\n")
	dir := t.TempDir()
	keys := func(scopes access.Scopes, others ...string) string {
		_, line, err := apikeys.New(apikeys.Entry{Name: "backend", Scopes: scopes, OtherScopes: others})
		path := filepath.Join(dir, strings.Join(others, "")+"keys")
		if err == nil {
			err = os.WriteFile(path, []byte(line), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for want, own := range map[string]map[string]string{
		"":                     {"AUTH_DEFAULT_SCOPES": "stream deploy", "AUTH_KEYS_FILE": keys(0, "deploy")},
		"AUTH_DEFAULT_SCOPES:": {"AUTH_DEFAULT_SCOPES": "stream task:read"},
		"AUTH_KEYS_FILE:":      {"AUTH_KEYS_FILE": keys(access.ScopesOf(access.Stream), "deploi")},
	} {
		environ := map[string]string{"AUTH": "required", "AUTH_JWT_KEY": jwtKey, "TASKS_FILE": types}
		maps.Copy(environ, own)
		app, err := bootstrap.New(t.Context(), load(t, environ), silent)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v: %v, want %q", own, err, want)
		}
		if err == nil {
			if err := app.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAServiceStartsWithoutItsKeysAndSaysSo(t *testing.T) { // A3
	s := start(t, map[string]string{"AUTH": "required", "AUTH_JWKS_URL": "http://127.0.0.1:1/keys?secret=s3cret"}) // where nobody answers
	if status, body := get(t, s.url+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d %s", status, body)
	}
	if status, body := get(t, s.url+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"keys for JWTs":"`) || strings.Contains(body, "s3cret") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	token := mint(t, map[string]string{"AUTH_JWT_KEY": jwtKey}, "alice", access.Admin)
	if status, body := as(t, token, s.url+"/api/tasks"); status != http.StatusServiceUnavailable || !strings.Contains(body, "AUTH_UNAVAILABLE") || strings.Contains(body, "127.0.0.1") {
		t.Errorf("/api/tasks: %d %s", status, body)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func TestEachKindOfCredentialIsTaken(t *testing.T) { // A2, A3, A5
	key, line, err := apikeys.New(apikeys.Entry{Name: "backend", Scopes: access.ScopesOf(access.TasksRead)})
	path := filepath.Join(t.TempDir(), "keys")
	if err == nil {
		err = os.WriteFile(path, []byte(line), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{"AUTH": "required", "AUTH_JWT_KEY": jwtKey, "AUTH_KEYS_FILE": path}
	s := start(t, environ)
	for name, c := range map[string]struct {
		credential string
		status     int
	}{
		"JWT": {mint(t, environ, "alice", access.TasksRead), http.StatusOK}, "JWT without the scope": {mint(t, environ, "alice", access.Stream), http.StatusForbidden},
		"API key": {key, http.StatusOK}, "no API key": {key[:len(key)-1], http.StatusUnauthorized}, "nothing": {"", http.StatusUnauthorized},
		"JWT of another": {mint(t, map[string]string{"AUTH_JWT_KEY": jwtKey + "x"}, "alice", access.TasksRead), http.StatusUnauthorized},
	} {
		if status, body := as(t, c.credential, s.url+"/api/tasks"); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.status)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
