package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// endpointSentences are of "Other endpoints".
var endpointSentences = []sentence{
	{`GET /healthz: 200 {"status":"ok"}`, func(t *testing.T, g *gateway) {
		g.get(t, g.URL+"/healthz").mustBeOK(t, `{"status":"ok"}`)
	}, false},
	{`GET /readyz: 200 {"status":"ready","configured":true}`, func(t *testing.T, g *gateway) {
		var ready struct {
			Status     string
			Configured bool
		}
		got := g.get(t, g.URL+"/readyz")
		if got.into(t, &ready); got.status != http.StatusOK || ready.Status != "ready" || !ready.Configured {
			t.Errorf("%d %s", got.status, got.body)
		}
	}, false},
	{`or 503 {"status":"not_ready","configured":false}`, func(t *testing.T, g *gateway) {
		if g.UnconfiguredURL == "" {
			t.Skip("there is no gateway without a callback URL")
		}
		var ready struct {
			Status     string
			Configured *bool
		}
		got := g.get(t, g.UnconfiguredURL+"/readyz")
		got.into(t, &ready)
		if got.status != http.StatusServiceUnavailable || ready.Status != "not_ready" || ready.Configured == nil || *ready.Configured {
			t.Errorf("%d %s", got.status, got.body)
		}
	}, false},
	{"OPTIONS on any path: 204 with Access-Control-Allow-Origin: *, methods GET, POST, OPTIONS, headers Content-Type, Cache-Control", func(t *testing.T, g *gateway) {
		for _, path := range []string{"/", "/any/path?request_id=" + newKey(), "/a//b"} {
			got := g.do(t, http.MethodOptions, g.URL+path, nil, "Origin", "https://page.test", "Access-Control-Request-Method", "GET")
			if got.status != http.StatusNoContent || len(got.body) > 0 {
				t.Errorf("OPTIONS %s: %d %q", path, got.status, got.body)
			}
			mustAllowAll(t, "OPTIONS "+path, got.header.Get)
		}
	}, false},
	{"the same CORS headers on every answer", func(t *testing.T, g *gateway) {
		key := g.backend.planned(accept)
		mustAllowAll(t, "a stream", g.exchange(t, ask(target(key))).header.Get)
		refused, _ := g.refused(t, status(http.StatusNotFound, ""))
		mustAllowAll(t, "a refused stream", refused.header.Get)
		if g.separate() {
			return // with INTERNAL_ADDR it holds for streams only
		}
		mustAllowAll(t, "health", g.get(t, g.URL+"/healthz").header.Get)
		mustAllowAll(t, "readiness", g.get(t, g.URL+"/readyz").header.Get)
		mustAllowAll(t, "a refused push", g.push(t, "{}").header.Get)
		s := g.stream(t)
		mustAllowAll(t, "a push", g.push(t, push{"token": s.token}).header.Get)
		mustAllowAll(t, "no endpoint", g.do(t, http.MethodDelete, g.URL+"/nothing", nil).header.Get)
		for _, path := range []string{"/healthz", "/readyz", "/internal/send"} {
			if got := g.do(t, http.MethodOptions, g.URL+path, nil); got.status != http.StatusNoContent {
				t.Errorf("OPTIONS %s: %d", path, got.status)
			}
		}
	}, false},
}

// mustAllowAll requires the CORS headers; lists may be in any order.
func mustAllowAll(t *testing.T, what string, header func(string) string) {
	t.Helper()
	if got := header("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("%s: Access-Control-Allow-Origin: %q", what, got)
	}
	for name, items := range map[string][]string{
		"Access-Control-Allow-Methods": {"GET", "POST", "OPTIONS"},
		"Access-Control-Allow-Headers": {"content-type", "cache-control"},
	} {
		for _, item := range items {
			if !strings.Contains(strings.ToLower(header(name)), strings.ToLower(item)) {
				t.Errorf("%s: %s: %q does not have %s", what, name, header(name), item)
			}
		}
	}
}
