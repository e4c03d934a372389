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
		mustSayBroker(t, g.Format, got)
	}, false},
	{`or 503 {"status":"not_ready","configured":false}`, func(t *testing.T, g *gateway) {
		if g.UnconfiguredURL == "" {
			t.Skip("there is no gateway without a callback URL")
		}
		var ready struct {
			Status     string
			Configured *bool
			Reasons    []string
		}
		got := g.get(t, g.UnconfiguredURL+"/readyz")
		got.into(t, &ready)
		if got.status != http.StatusServiceUnavailable || ready.Status != "not_ready" || ready.Configured == nil || *ready.Configured {
			t.Errorf("%d %s", got.status, got.body)
		}
		if (len(ready.Reasons) > 0) != (g.Format == FormatEnvelope) {
			t.Errorf("%s has reasons %q; the envelope generation says them, and no other", got.body, ready.Reasons)
		}
		mustSayBroker(t, g.Format, got)
	}, false},
	{"/healthz and /readyz match in any case, and with a slash at the end", func(t *testing.T, g *gateway) {
		for _, path := range []string{"/healthz/", "/HEALTHZ", "/Readyz", "/readyz/"} {
			if got := g.get(t, g.URL+path); got.status != http.StatusOK || !strings.Contains(string(got.body), `"status":"`) {
				t.Errorf("GET %s: %d %.300s", path, got.status, got.body)
			}
		}
	}, false},
	{"OPTIONS on any path: 204 with Access-Control-Allow-Origin: *, methods GET, POST, OPTIONS, headers Content-Type, Cache-Control (extension: Last-Event-ID, Authorization)", func(t *testing.T, g *gateway) {
		for _, path := range []string{"/", "/any/path?request_id=" + newKey(), "/a//b"} {
			got := g.do(t, http.MethodOptions, g.URL+path, nil, "Origin", "https://page.test", "Access-Control-Request-Method", "GET")
			if got.status != http.StatusNoContent || len(got.body) > 0 {
				t.Errorf("OPTIONS %s: %d %q", path, got.status, got.body)
			}
			g.mustAllowAll(t, "OPTIONS "+path, got.header.Get)
		}
	}, false},
	{"the same CORS headers on every answer", func(t *testing.T, g *gateway) {
		key := g.backend.planned(accept)
		g.mustAllowAll(t, "a stream", g.exchange(t, ask(target(key))).header.Get)
		refused, _ := g.refused(t, status(http.StatusNotFound, ""))
		g.mustAllowAll(t, "a refused stream", refused.header.Get)
		if g.separate() {
			return // with INTERNAL_ADDR it holds for streams only
		}
		g.mustAllowAll(t, "health", g.get(t, g.URL+"/healthz").header.Get)
		g.mustAllowAll(t, "readiness", g.get(t, g.URL+"/readyz").header.Get)
		g.mustAllowAll(t, "a refused push", g.push(t, "{}").header.Get)
		s := g.stream(t)
		g.mustAllowAll(t, "a push", g.push(t, push{"token": s.token}).header.Get)
		g.mustAllowAll(t, "no endpoint", g.do(t, http.MethodDelete, g.URL+"/nothing", nil).header.Get)
		for _, path := range []string{"/healthz", "/readyz", "/internal/send"} {
			if got := g.do(t, http.MethodOptions, g.URL+path, nil); got.status != http.StatusNoContent {
				t.Errorf("OPTIONS %s: %d", path, got.status)
			}
		}
	}, false},
}

// mustSayBroker requires the member "rabbitmq" of the envelope generation.
func mustSayBroker(t *testing.T, f Format, got answer) {
	t.Helper()
	var ready struct{ RabbitMQ *string }
	if got.into(t, &ready); (ready.RabbitMQ != nil) != (f == FormatEnvelope) {
		t.Errorf(`%s: "rabbitmq" is the envelope generation's, and no other's`, got.body)
	}
}

// mustAllowAll requires the CORS headers. Of a gateway that is not ours, lists may
// be in any order and longer.
func (g *gateway) mustAllowAll(t *testing.T, what string, header func(string) string) {
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
	const exact = "Content-Type, Cache-Control, Last-Event-ID, Authorization"
	if got := header("Access-Control-Allow-Headers"); g.extended() && got != exact {
		t.Errorf("%s: Access-Control-Allow-Headers: %q, want %q", what, got, exact)
	}
}
