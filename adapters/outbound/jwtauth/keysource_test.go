package jwtauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/domain/access"
	"heliograph/test/jwt"
)

// serve has a keep its keys up to date until t ends.
func serve(t *testing.T, a *jwtauth.Authenticator) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// signed is signed with an RSA key and has its kid.
func signed(t *testing.T, key any, kid string) string {
	t.Helper()
	head := map[string]any{}
	if kid != "" {
		head["kid"] = kid
	}
	return jwt.Sign(t, jose.RS256, key, head, []byte(payload(t)))
}

func TestAKeyFileIsReadAgainWhenItChanges(t *testing.T) { // A3
	t.Parallel()
	k := keys()
	synctest.Test(t, func(t *testing.T) {
		cfg := inFile(t, pemOf(t, k.rsa.Public()))
		var log bytes.Buffer
		a, err := jwtauth.New(cfg, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		serve(t, a)
		settle := func() {
			<-time.After(3 * time.Second)
			synctest.Wait()
		}
		settle()
		want(t, "at first", a, signed(t, k.rsa, ""))
		write(t, cfg.KeyFile, pemOf(t, k.rsa.Public())+pemOf(t, k.other.Public())) // a rotation
		settle()
		want(t, "the former", a, signed(t, k.rsa, ""))
		want(t, "the next", a, signed(t, k.other, ""))
		write(t, cfg.KeyFile, pemOf(t, k.other.Public()))
		settle()
		refuse(t, "the former, at last", a, signed(t, k.rsa, ""), access.RefusedSignature, "")
		for _, broken := range []string{"", "x", pemOf(t, k.rsa.Public())[:80]} {
			write(t, cfg.KeyFile, broken)
			settle()
			want(t, "with a broken file", a, signed(t, k.other, ""))
		}
		if err := os.Remove(cfg.KeyFile); err != nil {
			t.Fatal(err)
		}
		settle()
		want(t, "without the file", a, signed(t, k.other, ""))
		if n := strings.Count(log.String(), "the former keys stay"); n != 4 || a.Check() != nil {
			t.Errorf("%d are logged, want 4; Check: %v\n%s", n, a.Check(), log.String())
		}
	})
}

// issuer answers for keys at a URL.
type issuer struct {
	mu    sync.Mutex
	body  string        // guarded by mu
	fails error         // guarded by mu
	delay time.Duration // guarded by mu
	asked int           // guarded by mu
}

// RoundTrip implements http.RoundTripper.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	body, fails, delay := i.body, i.fails, i.delay
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if fails != nil {
		return nil, fails
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (i *issuer) set(body string, fails error, delay time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.body, i.fails, i.delay = body, fails, delay
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// remote returns an authenticator with the keys of an issuer. It is served.
func remote(t *testing.T, i *issuer) (*jwtauth.Authenticator, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	cfg := with(func(c *jwtauth.Config) { c.JWKSURL = "https://id.example/keys?secret=s3cret" })
	a, err := jwtauth.New(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	a.SetTransport(i)
	serve(t, a)
	synctest.Wait()
	return a, &log
}

func unavailable(t *testing.T, a *jwtauth.Authenticator, token string) {
	t.Helper()
	if p, _, err := a.Authenticate(t.Context(), header(token)); p != nil || !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("%+v, %v; want ErrUnavailable", p, err)
	}
	if err := a.Check(); !errors.Is(err, access.ErrUnavailable) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("Check: %v", err)
	}
}

func TestKeysOfAURLAreFetchedInTheBackgroundAndKept(t *testing.T) { // A3
	t.Parallel()
	k := keys()
	down := errors.New("connection refused")
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{fails: down}
		a, log := remote(t, i)
		good := signed(t, k.rsa, "a")
		unavailable(t, a, good) // it has started all the same
		i.set(set(t, jwk("a", "", k.rsa.Public())), nil, 0)
		<-time.After(6 * time.Second)
		synctest.Wait()
		want(t, "when it is up", a, good)
		if err := a.Check(); err != nil {
			t.Errorf("Check: %v", err)
		}
		huge := `{"keys":[` + strings.Repeat(" ", 2<<20) + string(encode(t, jwk("b", "", k.other.Public()))) + `]}`
		for name, c := range map[string]struct {
			body  string
			fails error
			delay time.Duration
		}{
			"down": {"", down, 0}, "slow": {set(t, jwk("b", "", k.other.Public())), nil, time.Hour}, "huge": {huge, nil, 0}, "HTML": {"<html>", nil, 0},
			"empty": {"", nil, 0}, "no keys": {`{"keys":[]}`, nil, 0}, "secrets": {set(t, jwk("b", "", []byte(secret))), nil, 0}, "an error": {`{"error":"x"}`, nil, 0},
		} {
			i.set(c.body, c.fails, c.delay)
			before := i.count()
			<-time.After(11 * time.Minute)
			synctest.Wait()
			want(t, name, a, signed(t, k.rsa, "a"))
			if i.count() == before || a.Check() != nil {
				t.Errorf("%s: asked %d times, %v", name, i.count()-before, a.Check())
			}
			refuse(t, name, a, jwt.Sign(t, jose.HS256, []byte(secret), map[string]any{"kid": "b"}, []byte(payload(t))), access.RefusedUnknown, "")
			refuse(t, name, a, signed(t, k.other, "b"), access.RefusedUnknown, "")
		}
		i.set(set(t, jwk("b", "", k.other.Public())), nil, 0)
		<-time.After(6 * time.Minute)
		synctest.Wait()
		want(t, "the next", a, signed(t, k.other, "b"))
		refuse(t, "the former", a, signed(t, k.rsa, "a"), access.RefusedUnknown, "")
		if strings.Contains(log.String(), "s3cret") || !strings.Contains(log.String(), "connection refused") || !strings.Contains(log.String(), "keys for JWTs fetched") {
			t.Errorf("the log is\n%s", log.String())
		}
	})
}

func TestAnUnknownKidAsksAgainButSeldom(t *testing.T) { // A3
	t.Parallel()
	k := keys()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{body: set(t, jwk("a", "", k.rsa.Public()))}
		a, _ := remote(t, i)
		want(t, "known", a, signed(t, k.rsa, "a"))
		<-time.After(10 * time.Second)
		before := i.count()
		i.set(set(t, jwk("a", "", k.rsa.Public()), jwk("b", "", k.other.Public())), nil, time.Second) // a rotation
		begin := time.Now()
		var running sync.WaitGroup
		for range 10 { // all wait for the one request
			running.Go(func() { want(t, "new", a, signed(t, k.other, "b")) })
		}
		running.Wait()
		if took := time.Since(begin); took != time.Second || i.count() != before+1 {
			t.Errorf("after %s and %d requests", took, i.count()-before)
		}
		begin = time.Now()
		for range 1000 { // an attack
			refuse(t, "unknown", a, signed(t, k.other, "c"), access.RefusedUnknown, "(kid)")
		}
		if took := time.Since(begin); took != 0 || i.count() != before+1 {
			t.Errorf("after %s and %d requests", took, i.count()-before)
		}
		<-time.After(10 * time.Second)
		i.set("", nil, time.Hour) // it hangs
		begin = time.Now()
		refuse(t, "unknown", a, signed(t, k.other, "c"), access.RefusedUnknown, "(kid)")
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("it took %s, want 2 s", took)
		}
		want(t, "known", a, signed(t, k.rsa, "a"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := a.Authenticate(ctx, header(signed(t, k.other, "c"))); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want Canceled", err)
		}
	})
}

func TestTheURLIsAskedOverHTTP(t *testing.T) { // A3
	t.Parallel()
	text := set(t, jwk("a", "", keys().rsa.Public()))
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(" ", 2<<20)+text)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, reason := range map[string]string{"/keys": "", "/moved": "answered 302", "/none": "answered 404", "/large": "too large"} {
		a := open(t, with(func(c *jwtauth.Config) { c.JWKSURL = server.URL + path }))
		err := a.Fetch(t.Context())
		if (err == nil) != (reason == "") || err != nil && !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %q", path, err, reason)
		}
		if reason == "" {
			want(t, path, a, signed(t, keys().rsa, "a"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = a.Serve(ctx) // it lets the connection go
	}
	for _, bad := range []string{"", "id.example", "ftp://id.example/", "file:///etc/passwd", "https://", "://"} {
		if _, err := jwtauth.New(with(func(c *jwtauth.Config) { c.JWKSURL = bad + " " }), silent); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
