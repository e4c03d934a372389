package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// openIDPage is the folder of the page that docs/access.md shows.
const openIDPage = "../../docs/examples/openid"

// pageSite serves the page on an origin of its own, for a provider and a service, whose
// URL is known later. ?user= says as which user the page logs in.
func pageSite(t *testing.T, p *provider, service *string) string {
	t.Helper()
	text, err := os.ReadFile(openIDPage + "/page.html")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(openIDPage)))
	mux.HandleFunc("/mine/", func(w http.ResponseWriter, r *http.Request) {
		user := strings.TrimPrefix(r.URL.Path, "/mine/")
		page := strings.NewReplacer("https://id.example.com", p.url, "https://events.example.com", *service, "'./access.js'", "'/access.js'",
			"sessionStorage.getItem('more') ?? '{}'", fmt.Sprintf(`'{"login_hint":%q}'`, user)).Replace(string(text))
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// mustNotHold fails if the first tab's page has a text.
func mustNotHold(t *testing.T, tabs []context.Context, text string) {
	t.Helper()
	body, err := chromedp.Run(tabs[0], chromedp.OuterHTML(chromedp.CSS("body")))
	if err != nil || strings.Contains(body, text) {
		t.Errorf("A12: the page shows %q (%v):\n%s", text, err, body)
	}
}

// Two users log in at a provider, each in a page on another origin than the service, and
// do not see each other: neither live, nor after the service was restarted, nor after the
// provider has rotated its key.
func TestTwoUsersOfAProviderDoNotSeeEachOther(t *testing.T) { // A3, A6, A11, A12, S6
	t.Parallel()
	p := startProvider(t)
	service := ""
	page := pageSite(t, p, &service)
	s := start(t, append(p.env(t), "CORS_ORIGINS="+page, "SSE_DRAIN_SPREAD=0s")...)
	service = s.url
	ann := openTabs(t, 1, page+"/mine/ann")
	mustShow(t, ann, `body[data-state="open"]`)
	p.rotate(t)
	eventually(t, "the new key counts", func() bool {
		return s.as(p.token(t, "bob", nil)).call(t, "GET", "/api/tasks", "").status == http.StatusOK
	})
	bob := openTabs(t, 1, page+"/mine/bob")
	mustShow(t, bob, `body[data-state="open"]`)

	if err := chromedp.Do(ann[0], chromedp.Click(chromedp.CSS("#start"))); err != nil {
		t.Fatal(err)
	}
	mustContain(t, ann, "demo_task: completed")
	id := s.as(p.token(t, "bob", nil)).startTask(t, chatty)
	mustContain(t, bob, "long_running_task: progress")
	mustNotHold(t, bob, "demo_task: ") // as the list has it; the page's script starts one
	mustNotHold(t, ann, id)

	s.terminate(t)
	s.again(t)
	admin := s.as(p.token(t, "root", claims{"scope": "admin"}))
	eventually(t, "the keys are there again", func() bool { return s.call(t, "GET", "/readyz", "").status == http.StatusOK })
	eventually(t, "both pages are back", func() bool { return admin.scrape(t)[active] == 2 })
	if err := chromedp.Do(bob[0], chromedp.Click(chromedp.CSS("#start"))); err != nil {
		t.Fatal(err)
	}
	again := s.as(p.token(t, "ann", nil)).startTask(t, chatty)
	mustContain(t, ann, again)
	mustContain(t, bob, "demo_task: completed")
	mustNotHold(t, bob, again)
}

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
