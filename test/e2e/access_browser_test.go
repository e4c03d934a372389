package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// cookiePage uses the service of its own origin with the cookie that its server has set.
const cookiePage = `<!doctype html><body><script>
const note = (name, value) => document.body.setAttribute('data-' + name, value);
const stream = new EventSource('/api/sse/stream?request_id=' + new URLSearchParams(location.search).get('user'));
stream.onerror = () => note('stream', 'refused');
stream.addEventListener('task_snapshot', () => note('stream', 'open'));
stream.addEventListener('task_event', e => note('task', JSON.parse(e.data).task_id));
fetch('/api/tasks', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"type":"demo_task"}'})
  .then(async r => { note('start', r.status); note('mine', (await r.json()).task_id) });
</script>`

// cookieSite is one origin with a login, which sets the cookie, a page, and the service.
func cookieSite(t *testing.T, service string) string {
	t.Helper()
	target, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	mux := http.NewServeMux()
	mux.Handle("/api/", &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: tokenOf(t, r.FormValue("user"), nil), Path: "/", HttpOnly: true})
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, cookiePage)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// foreignCookiePage tries with the cookie of another site of the same host, which browsers
// send along: cookies know no ports.
const foreignCookiePage = `<!doctype html><body><script>
const note = (name, value) => document.body.setAttribute('data-' + name, value);
fetch('%[1]s/api/tasks', {method: 'POST', mode: 'no-cors', credentials: 'include', headers: {'Content-Type': 'text/plain'}, body: '{"type":"demo_task"}'})
  .then(() => note('start', 'sent'), () => note('start', 'failed'));
fetch('%[1]s/api/tasks', {credentials: 'include'}).then(() => note('list', 'read'), () => note('list', 'refused'));
const stream = new EventSource('%[1]s/api/sse/stream?request_id=ann', {withCredentials: true});
stream.onerror = () => note('stream', 'refused');
stream.addEventListener('task_snapshot', () => note('stream', 'open'));
</script>
<iframe sandbox="allow-scripts allow-forms" srcdoc="<form method=post enctype=text/plain action='%[1]s/api/tasks'>
<input name='{&quot;type&quot;:&quot;demo_task&quot;,&quot;ignored&quot;:&quot;' value='&quot;}'></form><script>document.forms[0].submit()</script>"></iframe>`

// With a cookie on one origin pages need nothing else; a page of another origin, or of
// none, changes and reads nothing with it, nor does it take the user's stream away.
func TestACookieOfAnotherSiteIsGoodForNothing(t *testing.T) { // A4, A12, S5
	t.Parallel()
	s := start(t, secured("AUTH_JWT_COOKIE=session", "ALLOWED_HOSTS=localhost")...)
	site := cookieSite(t, s.url)
	tabs := openTabs(t, 1, site+"/login?user=ann")
	mustShow(t, tabs, `body[data-start="202"][data-stream="open"][data-task]`)
	foreign := foreignSite(t, func() string { return fmt.Sprintf(foreignCookiePage, site) })
	ann := s.user(t, "ann")
	before, _ := ann.taskIDs(t, "limit=9")

	other, closeTab := chromedp.NewContext(tabs[0]) // the same browser, with the cookie
	t.Cleanup(closeTab)
	if err := chromedp.Do(other, chromedp.Navigate(foreign)); err != nil {
		t.Fatal(err)
	}
	mustShow(t, []context.Context{other}, `body[data-start="sent"][data-list="refused"][data-stream="refused"]`)
	eventually(t, "the form was answered", func() bool { return len(s.refusals()) >= 4 })
	if after, _ := ann.taskIDs(t, "limit=9"); len(before) != 1 || len(after) != 1 {
		t.Errorf("A4: ann has tasks %v, and after a page of another site %v", before, after)
	}
	mustShow(t, tabs, `body[data-stream="open"]`)
}

// refusals are the requests so far that were answered 403.
func (s *service) refusals() (found []logRecord) {
	for _, r := range s.logs.records("request answered") {
		if r["status"] == float64(http.StatusForbidden) {
			found = append(found, r)
		}
	}
	return found
}

// What browsers cannot be made to say is refused as well: an origin null, one that only
// looks like ours, and no word at all of where a request comes from.
func TestOriginsWithACookie(t *testing.T) { // A4
	t.Parallel()
	s := start(t, secured("AUTH_JWT_COOKIE=session", "CORS_ORIGINS=https://app.example")...)
	cookie := "Cookie: session=" + tokenOf(t, "ann", nil)
	own := "Origin: http://" + s.addr
	for name, c := range map[string]struct {
		status  int
		headers []string
	}{
		"this origin":                      {http.StatusAccepted, []string{own}},
		"this origin, as browsers say it":  {http.StatusAccepted, []string{"Sec-Fetch-Site: same-origin"}},
		"an origin that is allowed":        {http.StatusAccepted, []string{"Origin: https://app.example", "Sec-Fetch-Site: cross-site"}},
		"no origin":                        {http.StatusForbidden, nil},
		"origin null":                      {http.StatusForbidden, []string{"Origin: null"}},
		"origin null of a frame":           {http.StatusForbidden, []string{"Origin: null", "Sec-Fetch-Site: cross-site"}},
		"another origin":                   {http.StatusForbidden, []string{"Origin: https://evil.example"}},
		"another port":                     {http.StatusForbidden, []string{"Origin: http://127.0.0.1:1"}},
		"an origin that begins like ours":  {http.StatusForbidden, []string{own + ".evil.example"}},
		"an origin that begins as allowed": {http.StatusForbidden, []string{"Origin: https://app.example.evil.example"}},
		"the same site":                    {http.StatusForbidden, []string{"Sec-Fetch-Site: same-site"}},
	} {
		client := s.with(append(c.headers, cookie)...)
		got := client.call(t, "POST", "/api/tasks", quickTask)
		if got.status != c.status || got.status == http.StatusForbidden && got.code() != "CROSS_ORIGIN" {
			t.Errorf("A4: %s: %d %s, want %d", name, got.status, got.body, c.status)
		}
	}
	s.with(cookie, "Sec-Fetch-Site: cross-site").refusedStream(t, http.StatusForbidden, "CROSS_ORIGIN", "a")
	s.with(cookie).stream(t, "a").awaitNamed(t, "task_snapshot") // a program with a jar of cookies
}
