package apikeys_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/apikeys"
	"heliograph/adapters/outbound/memrevocations"
	"heliograph/domain/access"
	"heliograph/test/contract/authenticatorcontract"
	"heliograph/test/contract/revocationscontract"
)

var created = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func entry(name string) apikeys.Entry {
	return apikeys.Entry{Name: name, Scopes: access.ScopesOf(access.TasksStart, access.TasksWork), Created: created}
}

// newKey returns a key and its line.
func newKey(t *testing.T, e apikeys.Entry) (key, line string) {
	t.Helper()
	key, line, err := apikeys.New(e)
	if err != nil {
		t.Fatal(err)
	}
	return key, line
}

func header(text string) access.Credential {
	return access.Credential{Source: access.FromHeader, Text: text}
}

func write(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string, log *slog.Logger) *apikeys.Keys {
	t.Helper()
	keys, err := apikeys.Open(path, []string{"deploy"}, log)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestAuthenticatorContract(t *testing.T) {
	t.Parallel()
	authenticatorcontract.Run(t, func(t *testing.T) authenticatorcontract.Subject {
		full := entry("ci.release-1")
		full.OtherScopes, full.TaskTypes, full.Expires = []string{"deploy"}, []string{"import", "export"}, created.AddDate(100, 0, 0)
		first, line1 := newKey(t, entry("backend"))
		second, line2 := newKey(t, full)
		other, _ := newKey(t, entry("backend"))
		path := filepath.Join(t.TempDir(), "keys")
		write(t, path, "# servers", "", line1, "  "+line2+"\r")
		_, hash, _ := strings.Cut(line1, " ")
		hash, _, _ = strings.Cut(hash, " ")
		return authenticatorcontract.Subject{
			Authenticator: open(t, path, slog.New(slog.DiscardHandler)),
			Good: map[string]authenticatorcontract.Proof{
				"one": {Credential: header(first), Principal: &access.Principal{
					Subject: "key:backend", CredentialID: "backend", Scopes: access.ScopesOf(access.TasksStart, access.TasksWork), Issued: created,
				}},
				"with everything": {Credential: header(second), Principal: &access.Principal{
					Subject: "key:ci.release-1", CredentialID: "ci.release-1", Scopes: full.Scopes, OtherScopes: full.OtherScopes, TaskTypes: full.TaskTypes,
					Issued: created, Expires: full.Expires,
				}},
			},
			Refused: map[string]authenticatorcontract.Refusal{
				"another":        {Credential: header(other), Code: access.RefusedUnknown, Reason: "no API key"},
				"none":           {Credential: header("hk_"), Code: access.RefusedUnknown, Reason: ""},
				"a hash":         {Credential: header("hk_" + hash), Code: access.RefusedUnknown, Reason: ""},
				"a name":         {Credential: header("hk_backend"), Code: access.RefusedUnknown, Reason: ""},
				"a very long":    {Credential: header("hk_" + strings.Repeat("x", 1<<20)), Code: access.RefusedUnknown, Reason: ""},
				"not text":       {Credential: header("hk_\x00\xff"), Code: access.RefusedUnknown, Reason: ""},
				"one and a half": {Credential: header(first + first[:10]), Code: access.RefusedUnknown, Reason: ""},
			},
			Foreign: map[string]access.Credential{
				"a JWT": header("a.b.c"), "a hash": header(hash), "in a cookie": {Source: access.FromCookie, Text: first}, "of a proxy": {Source: access.FromProxy, Text: first},
			},
		}
	})
}

func TestRevocationsContractWithKeys(t *testing.T) {
	t.Parallel()
	revocationscontract.Run(t, func(t *testing.T) revocationscontract.Subject {
		path := filepath.Join(t.TempDir(), "keys")
		write(t, path)
		r := open(t, path, slog.New(slog.DiscardHandler)).Revocations(memrevocations.New(time.Hour))
		return revocationscontract.Subject{Revocations: r, Other: r}
	})
}

func TestAKeyHas192BitsAndItsLineDoesNotHoldIt(t *testing.T) { // A5
	t.Parallel()
	seen := make(map[string]bool)
	for range 100 {
		key, line := newKey(t, entry("backend"))
		if seen[key] || len(key) != len("hk_")+32 || strings.Contains(line, key[3:]) || strings.Contains(line, "\n") {
			t.Errorf("key %q, line %q", key, line)
		}
		seen[key] = true
	}
}

func TestAMistakeInTheFileNamesItsLineAndNothingSecret(t *testing.T) { // A5
	t.Parallel()
	key, line := newKey(t, entry("backend"))
	_, second := newKey(t, entry("backend"))
	name, hash, _ := strings.Cut(line, " ")
	hash, _, _ = strings.Cut(hash, " ")
	for text, want := range map[string]string{
		line + "\n" + second:                     `line 2: the name "backend" is there twice`,
		line + "\n" + "other" + line[len(name):]: `line 2: the key of "other" is there twice`,
		"# a\n\nbackend":                         "line 3: after the name there is sha256:",
		"backend " + key:                         "line 1: after the name there is sha256:",
		key:                                      "line 1: the name must be",
		key + " " + hash:                         "line 1: the name must be",
		"backend sha256:00":                      "line 1: after the name there is sha256:",
		"backend sha256:" + strings.Repeat("zz", 32):                      "line 1: after the name there is sha256:",
		"back/end " + hash + " scopes=stream":                             "line 1: the name must be",
		strings.Repeat("a", 65) + " " + hash:                              "line 1: the name must be",
		"backend " + hash:                                                 "line 1: it has no scopes",
		"backend " + hash + " scopes=":                                    "line 1: it has no scopes",
		"backend " + hash + " scopes=task:start":                          `line 1: "task:start" is no scope`,
		"backend " + hash + " scopes=stream, admin":                       "line 1: after the hash there are fields",
		"backend " + hash + " scopes=stream scopes=x":                     `line 1: "scopes" is there twice`,
		"backend " + hash + " scopes=stream types=":                       "line 1: types: it names no type",
		"backend " + hash + " scopes=stream types=,":                      "line 1: types: it names no type",
		"backend " + hash + " scopes=stream type=x":                       "line 1: its fields are",
		"backend " + hash + " scopes=stream expires=1":                    "line 1: expires: it is no time",
		"backend " + hash + " scopes=stream expires=0001-01-01T00:00:00Z": "line 1: expires: it is no time",
		"backend " + hash + " scopes=stream " + key:                       "line 1: after the hash there are fields",
		"backend " + hash + " scopes=stream " + key + "=x":                "line 1: its fields are",
	} {
		path := filepath.Join(t.TempDir(), "keys")
		write(t, path, text)
		_, err := apikeys.Open(path, []string{"deploy"}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), key[5:]) || strings.Contains(err.Error(), hash)) {
			t.Errorf("%v holds a secret", err)
		}
	}
}

// file is a keys file that is served.
type file struct {
	path string
	keys *apikeys.Keys
	all  access.Revocations
	log  bytes.Buffer

	mu   sync.Mutex
	told []string
}

// serve must be called in a bubble.
func serve(t *testing.T, lines ...string) *file {
	f := &file{path: filepath.Join(t.TempDir(), "keys")}
	write(t, f.path, lines...)
	f.keys = open(t, f.path, slog.New(slog.NewTextHandler(&f.log, nil)))
	f.all = f.keys.Revocations(memrevocations.New(time.Hour))
	f.all.Watch(func(r access.Revocation) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !r.Before.IsZero() || r.CredentialID != "" || r.RequestID != "" {
			t.Errorf("told was %+v", r)
		}
		f.told = append(f.told, r.Subject)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.keys.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f
}

// change returns when a change counts.
func (f *file) change(t *testing.T, lines ...string) {
	t.Helper()
	write(t, f.path, lines...)
	<-time.After(3 * time.Second)
	synctest.Wait()
}

func (f *file) wantTold(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.told, want) {
		t.Errorf("told were %v, want %v", f.told, want)
	}
	f.told = nil
}

func (f *file) principal(t *testing.T, key string) *access.Principal {
	t.Helper()
	p, known, err := f.keys.Authenticate(t.Context(), header(key))
	if !known || (p == nil) == (err == nil) {
		t.Errorf("%+v, %t, %v", p, known, err)
	}
	return p
}

func TestAKeyThatLeavesTheFileIsRefusedAndTold(t *testing.T) { // A5, A18
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, line1 := newKey(t, entry("first"))
		second, line2 := newKey(t, entry("second"))
		f := serve(t, line1, line2)
		was := f.principal(t, first)
		if f.all.Revoked(was) {
			t.Error("one that is there is revoked")
		}
		f.change(t, line2)
		f.wantTold(t, "key:first")
		if f.principal(t, first) != nil || f.principal(t, second) == nil {
			t.Error("the wrong one is refused")
		}
		if !f.all.Revoked(was) || f.all.Revoked(f.principal(t, second)) { // what a ticket carries
			t.Error("the wrong one is revoked")
		}
		f.change(t, line1, line2) // it comes back
		f.wantTold(t)
		if f.principal(t, first) == nil || f.all.Revoked(was) {
			t.Error("one that came back is refused")
		}
	})
}

func TestAKeyThatIsReplacedOrChangedIsTold(t *testing.T) { // A5, A18
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old, line := newKey(t, entry("backend"))
		later := entry("backend")
		later.Created = created.Add(time.Hour)
		renewed, line2 := newKey(t, later)
		f := serve(t, line)
		was := f.principal(t, old)
		f.change(t, line2)
		f.wantTold(t, "key:backend")
		if f.principal(t, old) != nil || f.principal(t, renewed) == nil || !f.all.Revoked(was) {
			t.Error("the old one is good")
		}
		less := strings.Replace(line2, "tasks:start,tasks:work", "tasks:work", 1)
		was = f.principal(t, renewed)
		f.change(t, less)
		f.wantTold(t, "key:backend")
		if now := f.principal(t, renewed); now == nil || now.Scopes.Has(access.TasksStart) || !f.all.Revoked(was) || f.all.Revoked(now) {
			t.Errorf("with fewer scopes: %+v", now)
		}
		f.change(t, "# a comment", less, "")
		f.wantTold(t)
	})
}

func TestKeysThatLeaveTogetherAreToldInTheOrderOfTheirNames(t *testing.T) { // A5, A18
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines, want []string
		for name := range strings.SplitSeq("abcdefgh", "") {
			_, line := newKey(t, entry(name))
			lines, want = append(lines, line), append(want, "key:"+name)
		}
		_, stays := newKey(t, entry("z"))
		f := serve(t, append(lines, stays)...)
		f.change(t, stays)
		f.wantTold(t, want...)
		if !strings.Contains(f.log.String(), `gone_or_changed="[a b c d e f g h]"`) {
			t.Errorf("the log says:\n%s", f.log.String())
		}
	})
}

func TestAFileThatCannotBeUsedChangesNothing(t *testing.T) { // A5
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		key, line := newKey(t, entry("backend"))
		f := serve(t, line)
		for _, bad := range []string{"backend", line + "\n" + line, "\xff", strings.Repeat("x", 2<<20)} {
			f.change(t, bad)
			f.wantTold(t)
			if f.principal(t, key) == nil {
				t.Errorf("with %.20q the key is refused", bad)
			}
		}
		if err := os.Remove(f.path); err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * time.Second)
		synctest.Wait()
		f.wantTold(t)
		if f.principal(t, key) == nil {
			t.Error("without the file the key is refused")
		}
		if n := strings.Count(f.log.String(), "level=ERROR"); n != 5 {
			t.Errorf("%d errors are logged, want 5:\n%s", n, f.log.String())
		}
		f.change(t) // an empty one is one without keys
		f.wantTold(t, "key:backend")
		if f.principal(t, key) != nil {
			t.Error("with an empty file the key is good")
		}
		if strings.Contains(f.log.String(), key[5:]) || strings.Contains(f.log.String(), strings.Fields(line)[1]) {
			t.Errorf("a secret is logged:\n%s", f.log.String())
		}
	})
}

// Whatever is in the file, what it says of a key is what New would write again.
func FuzzFile(f *testing.F) {
	_, line, err := apikeys.New(entry("backend"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{line, "# x\n" + line + " types=a,b expires=2027-01-31T00:00:00Z", "a b=c", "\xff\n\x00", line + "\n" + line} {
		f.Add([]byte(seed), "hk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	}
	f.Fuzz(func(t *testing.T, text []byte, key string) {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := apikeys.Open(path, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			return
		}
		for _, name := range keys.Names() {
			if access.CheckName(name) != nil || strings.ContainsAny(name, " /:\n") {
				t.Errorf("a key is called %q", name)
			}
		}
		if p, known, err := keys.Authenticate(t.Context(), header(key)); p != nil || known != strings.HasPrefix(key, "hk_") || known == (err == nil) {
			t.Errorf("%q proves %+v, %t, %v", key, p, known, err) // nobody knows a key by its hash
		}
	})
}
