package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// formPage sends a plain form to the service as soon as it is loaded, which needs
// no script of the service's own and no preflight. What is sent is JSON.
const formPage = `<!doctype html><form method="post" enctype="text/plain" action="%s/api/tasks">
<input name='{"type":"demo_task","ignored":"' value='"}'></form><script>document.forms[0].submit()</script>`

// readingPage starts a task with credentials and follows the stream, and writes
// down what it got.
const readingPage = `<!doctype html><body><script>
const note = (name, value) => document.body.setAttribute('data-' + name, value);
fetch('%[1]s/api/tasks', {method: 'POST', credentials: 'include', headers: {'Content-Type': 'application/json', 'Idempotency-Key': 'k'},
  body: '{"type":"demo_task"}'}).then(r => note('start', r.status), () => note('start', 'refused'));
const stream = new EventSource('%[1]s/api/sse/stream?request_id=page', {withCredentials: true});
stream.onerror = () => note('stream', 'refused');
stream.addEventListener('task_snapshot', () => note('stream', 'open'));
</script>`

// foreignSite serves a page on an origin of its own, and returns that origin.
func foreignSite(t *testing.T, page func() string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page())
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // to a browser another site than the service
}

// A real browser submits a plain form of another site to a service without
// authentication, and the service does nothing.
func TestAFormOfAnotherSiteStartsNothing(t *testing.T) { // S5
	t.Parallel()
	s := start(t)
	site := foreignSite(t, func() string { return fmt.Sprintf(formPage, s.url) })
	tabs := openTabs(t, 1, site)
	mustContain(t, tabs, "CROSS_ORIGIN")
	var list struct{ Tasks []any }
	s.call(t, http.MethodGet, "/api/tasks", "").into(t, &list)
	if len(list.Tasks) != 0 {
		t.Errorf("the form has started %v", list.Tasks)
	}
}

// A page of another site can use the service if its origin is allowed, and only
// then, credentials included.
func TestAPageOfAnAllowedOriginUsesTheService(t *testing.T) { // S5, S6
	t.Parallel()
	for _, transport := range []string{"auto", "portable"} {
		service := ""
		site := foreignSite(t, func() string { return fmt.Sprintf(readingPage, service) })
		s := start(t, "CORS_ORIGINS="+site, "SSE_TRANSPORT="+transport)
		service = s.url
		mustShow(t, openTabs(t, 1, site), `body[data-start="202"][data-stream="open"]`)
		s.terminate(t)

		s = start(t, "CORS_ORIGINS=https://app.example", "SSE_TRANSPORT="+transport)
		service = s.url
		mustShow(t, openTabs(t, 1, site), `body[data-start="refused"][data-stream="refused"]`)
	}
}

// mustContain waits until every tab's page has a text.
func mustContain(t *testing.T, tabs []context.Context, text string) {
	t.Helper()
	for i, tab := range tabs {
		eventually(t, fmt.Sprintf("tab %d shows %s", i+1, text), func() bool {
			body, err := chromedp.Run(tab, chromedp.OuterHTML(chromedp.CSS("body")))
			return err == nil && strings.Contains(body, text)
		})
	}
}
