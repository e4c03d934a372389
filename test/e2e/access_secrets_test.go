package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/test/freeport"
)

// Whatever clients and operators do with their secrets, none is in a log at debug level, in
// a metric or the configuration as it is printed.
func TestNoSecretIsLogged(t *testing.T) { // A5, A6, S2
	t.Parallel()
	key, line := newKey(t, "reports", "--scope", "admin")
	env := secured("AUTH_KEYS_FILE="+keysFile(t, line), "AUTH_JWT_COOKIE=session", "SSE_CALLBACK_SECRET=callback-secret-51", "LOG_LEVEL=debug")
	s := start(t, env...)
	token := tokenOf(t, "ann", claims{"scope": allScopes})
	ann, admin := s.as(token), s.as(key)
	stream := ann.stream(t, "a")
	stream.awaitNamed(t, "task_snapshot")
	answer := ann.startAnswer(t, `{"type":"demo_task","params":{"message":"canary-params-73","delay":0},"follow":"cancel"}`, "Idempotency-Key: canary-key-74")
	stream.awaitTask(t, answer.TaskID, "task_completed")
	ticket := strings.TrimPrefix(ann.ticket(t), "&ticket=")
	open(t, s.with().newClient("b", "&ticket="+ticket)).awaitNamed(t, "task_snapshot")
	s.as(answer.FollowToken).stream(t, "c").awaitNamed(t, "task_snapshot")

	bad := tokenOf(t, "ann", claims{"exp": time.Now().Add(-time.Hour).Unix()})
	for _, credential := range []string{bad, key + "x", answer.FollowToken + "x", "canary-junk-75"} {
		s.as(credential).call(t, "GET", "/api/tasks", "")
		s.as(credential).refusedStream(t, http.StatusUnauthorized, s.as(credential).call(t, "GET", "/api/tasks", "").code(), "d")
	}
	s.refusedStream(t, http.StatusUnauthorized, "CREDENTIAL_UNKNOWN", "d", "&ticket=canary-ticket-76")
	s.with("Cookie: session="+token).call(t, "POST", "/api/tasks", quickTask)
	s.with("Authorization: Basic canary-basic-77").call(t, "GET", "/api/tasks", "")
	admin.must(t, http.StatusOK, "POST", "/api/subjects/ann/revoke", "")
	metrics := string(admin.must(t, http.StatusOK, "GET", "/metrics", "").body)
	status, config, _ := heliograph(t, env, "config")

	secrets := []string{
		authSecret, key, line, token, answer.FollowToken, ticket, bad, "callback-secret-51", "canary-params-73", "canary-key-74",
		"canary-junk-75", "canary-ticket-76", "canary-basic-77", signatureOf(token), signatureOf(answer.FollowToken),
	}
	s.terminate(t)
	s.logs.mustBeClean(t, secrets...)
	for _, secret := range secrets {
		if strings.Contains(metrics, secret) {
			t.Errorf("a metric has %q", secret)
		}
		if strings.Contains(config, secret) || status != 0 {
			t.Errorf("heliograph config (status %d) prints %q", status, secret)
		}
	}
}

// signatureOf is the last part of a token.
func signatureOf(token string) string { return token[strings.LastIndex(token, ".")+1:] }

// Metrics and profiles need admin, or are on an address of their own, and nowhere else.
func TestMetricsAndProfilesAreForOperators(t *testing.T) { // A10
	t.Parallel()
	s := start(t, secured()...)
	statuses := func(s *service, base string) string {
		var all []string
		for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/healthz", "/readyz", "/api/tasks"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range s.headers {
				name, value, _ := strings.Cut(h, ": ")
				req.Header.Set(name, value)
			}
			got, err := send(s.client, req)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(got.body), authSecret) {
				t.Errorf("%s shows the secret", path)
			}
			all = append(all, fmt.Sprint(got.status))
		}
		return strings.Join(all, " ")
	}
	for name, c := range map[string]struct {
		client *service
		want   string
	}{
		"anonymous": {s, "401 401 401 401 200 200 401"},
		"a user":    {s.scoped(t, "ann", allScopes), "403 403 403 403 200 200 200"},
		"an admin":  {s.scoped(t, "root", "admin"), "200 200 200 200 200 200 200"},
	} {
		if got := statuses(c.client, s.url); got != c.want {
			t.Errorf("A10: %s gets %s, want %s", name, got, c.want)
		}
	}
	apart := freeport.Addr(t)
	s = start(t, secured("ADMIN_ADDR="+apart)...)
	if got := statuses(s.scoped(t, "root", "admin"), s.url); got != "404 404 404 404 200 200 200" {
		t.Errorf("A10: with ADMIN_ADDR an admin gets %s", got)
	}
	if got := statuses(s, "http://"+apart); got != "200 200 200 200 200 200 404" {
		t.Errorf("A10: ADMIN_ADDR answers %s", got)
	}
}
