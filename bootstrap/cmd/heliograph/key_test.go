package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"heliograph/adapters/outbound/apikeys"
	"heliograph/domain/access"
)

func TestANewKeyIsPrintedWithItsLine(t *testing.T) { // A5
	status, stdout, stderr := call(t, nil, "key", "new", "backend", "--scope", "tasks:start,tasks:read", "--scope", "audience deploy", "--type", "import", "--expires", "90d")
	key, line, _ := strings.Cut(strings.TrimSpace(stdout), "\n")
	if status != 0 || !regexp.MustCompile(`^hk_[A-Za-z0-9_-]{32}$`).MatchString(key) || !strings.Contains(stderr, `"deploy" is no scope of heliograph's own`) {
		t.Fatalf("exit status %d, %q, %q", status, stdout, stderr)
	}
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := apikeys.Open(path, []string{"deploy"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := keys.Authenticate(t.Context(), access.Credential{Source: access.FromHeader, Text: key})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(p.Expires); left < 89*24*time.Hour || left > 90*24*time.Hour {
		t.Errorf("it expires in %s", left)
	}
	if age := time.Since(p.Issued); age < 0 || age > time.Minute {
		t.Errorf("it was issued %s ago", age)
	}
	if p.Subject != "key:backend" || p.Scopes.String() != "tasks:read tasks:start audience" || strings.Join(p.OtherScopes, " ") != "deploy" ||
		strings.Join(p.TaskTypes, " ") != "import" {
		t.Errorf("it is %+v", p)
	}
	if strings.Contains(line, key) || strings.Contains(stderr, key) {
		t.Error("the key is in its line, or on standard error")
	}
}

func TestAKeyThatWouldBeOfNoUseIsNotMade(t *testing.T) { // A5
	for name, args := range map[string][]string{
		"without scopes": {"backend"}, "with an empty scope": {"backend", "--scope", ""}, "with a bad name": {"back/end", "--scope", "stream"},
		"that has ended": {"backend", "--scope", "stream", "--expires", "2020-01-31"}, "in minus a day": {"backend", "--scope", "stream", "--expires=-1d"},
		"at some time": {"backend", "--scope", "stream", "--expires", "soon"}, "after all time": {"backend", "--scope", "stream", "--expires", "99999999d"},
		"without a name": {"--scope", "stream"},
	} {
		if status, stdout, stderr := call(t, nil, append([]string{"key", "new"}, args...)...); status != 1 || strings.Contains(stdout, "hk_") || stderr == "" {
			t.Errorf("%s: exit status %d, %q, %q", name, status, stdout, stderr)
		}
	}
}
