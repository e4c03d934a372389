package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// clientPage is the folder of a page that shows what the client library knows.
const clientPage = "testdata/client"

// clientPolicy is the strictest that a page of the library's can have.
const clientPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'"

// longTask runs until it is cancelled.
const longTask = `{"type":"long_running_task","params":{"total_time":600}}`

// longStart is the query of a page whose button starts that.
const longStart = "type=long_running_task&params=%7B%22total_time%22%3A600%7D"

// clientSite serves the page and, on the same origin, the service, as a reverse proxy
// does. Who is logged in has a token at /token.
type clientSite struct {
	url    string
	policy atomic.Pointer[string]
	tokens atomic.Pointer[string] // what getToken is to return; nil is nobody
	// length is after how many bytes a stream is cut; nil is never.
	length atomic.Pointer[func() int64]
	// held is for how long a stream's bytes are held back; 0 is not at all.
	held   atomic.Int64
	server *httptest.Server
}

func newClientSite(t *testing.T, service string) *clientSite {
	t.Helper()
	target, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	site := new(clientSite)
	site.policy.Store(new(clientPolicy))
	transport := &http.Transport{DisableCompression: true}
	mux := http.NewServeMux()
	files := http.FileServer(http.Dir(clientPage))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", *site.policy.Load())
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		if token := site.tokens.Load(); token != nil {
			_, _ = io.WriteString(w, *token)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("/api/", &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
		ModifyResponse: func(res *http.Response) error {
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
				return nil
			}
			if length := site.length.Load(); length != nil {
				res.Body = cut{io.LimitReader(res.Body, (*length)()), res.Body}
			}
			if pause := time.Duration(site.held.Load()); pause > 0 {
				res.Body = hold(res.Body, pause)
			}
			return nil
		},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // of streams that a crash breaks
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	site.url, site.server = server.URL, server
	return site
}

// cut is a body that breaks off.
type cut struct {
	io.Reader
	io.Closer
}

// Read returns an error at its end, so that the proxy breaks the connection.
func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// hold returns a body whose bytes come all at once after each pause, but for the first.
func hold(body io.ReadCloser, pause time.Duration) io.ReadCloser {
	r, w := io.Pipe()
	read := make(chan []byte)
	go func() {
		defer close(read)
		for buf := make([]byte, 4096); ; {
			n, err := body.Read(buf)
			read <- bytes.Clone(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer func() { _ = w.Close() }()
		ticks := time.NewTicker(pause)
		defer ticks.Stop()
		first := true
		var waiting []byte
		for {
			select {
			case piece, ok := <-read:
				if !ok {
					return
				}
				if waiting = append(waiting, piece...); !first {
					continue
				}
				first = false
			case <-ticks.C:
			}
			_, _ = w.Write(waiting) // whose reader has gone, the body is closed as well
			waiting = nil
		}
	}()
	return struct {
		io.Reader
		io.Closer
	}{r, body}
}

func (s *clientSite) page(query string) string { return s.url + "/page.html?" + query }

// click clicks in one tab.
func click(tab context.Context, t *testing.T, selector string) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS(selector))); err != nil {
		t.Fatalf("click %s: %v", selector, err)
	}
}

// taskItem is the selector of a task in the page's list, with these attributes.
func taskItem(id, attributes string) string {
	return fmt.Sprintf(`#tasks li[data-task=%q]%s`, id, attributes)
}

// attribute returns an attribute of a tab's body.
func attribute(tab context.Context, t *testing.T, name string) string {
	t.Helper()
	value, err := chromedp.Run(tab, chromedp.Evaluate[string](fmt.Sprintf("document.body.dataset[%q] ?? ''", name)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// noOlder fails if a tab has shown an older state of a task than before.
func noOlder(t *testing.T, tabs []context.Context) {
	t.Helper()
	for i, tab := range tabs {
		if id := attribute(tab, t, "older"); id != "" {
			t.Errorf("B5: tab %d has shown an older state of %s", i+1, id)
		}
	}
}

// Seven tabs over HTTP/1.1, of which a browser opens six connections: one stream, and
// every tab can still ask.
func TestSevenTabsHaveOneStream(t *testing.T) { // B2, B3, B10
	t.Parallel()
	s := start(t, "FRONTEND_VERSION=1")
	page := newClientSite(t, s.url).page(longStart)
	tabs := openTabs(t, 7, page)
	mustShow(t, tabs, `body[data-state="open"][data-sharing="worker"][data-version="1"]`)
	if got := s.scrape(t)[active]; got != 1 {
		t.Errorf("B2: seven tabs have %v streams, want 1", got)
	}
	click(tabs[0], t, "#start")
	mustShow(t, tabs[:1], `body[data-loop="running"]`)
	id := attribute(tabs[0], t, "started")
	mustShow(t, tabs, taskItem(id, `[data-status="running"]`))

	click(tabs[6], t, "#cancel")
	mustShow(t, tabs, taskItem(id, `[data-status="cancelled"]`))
	mustShow(t, tabs[:1], `body[data-loop="ended"]`)
	mustShow(t, tabs[6:], `body[data-outcome="cancelled"]`)
	t.Logf("B10: a cancel of the seventh tab took %s ms", attribute(tabs[6], t, "took"))
	noOlder(t, tabs)
	if got := s.scrape(t)[active]; got != 1 {
		t.Errorf("B2: at the end seven tabs have %v streams, want 1", got)
	}
}

// A page that is loaded again shows its tasks: those that run, those that have ended
// meanwhile, and those that are gone, once.
func TestAReloadForgetsNothing(t *testing.T) { // B4, B9
	t.Parallel()
	s := start(t)
	site := newClientSite(t, s.url)
	page := site.page(longStart)
	tabs := openTabs(t, 1, page)
	mustShow(t, tabs, `body[data-state="open"]`)
	click(tabs[0], t, "#start")
	mustShow(t, tabs, `body[data-loop="running"]`)
	id := attribute(tabs[0], t, "started")
	mine := fmt.Sprintf(`#mine li[data-task=%q]`, id)
	reload := func() {
		t.Helper()
		if err := chromedp.Do(tabs[0], chromedp.Reload()); err != nil {
			t.Fatal(err)
		}
	}
	reload()
	mustShow(t, tabs, mine+`[data-status="running"]`)

	leave(tabs[0], t)
	s.must(t, http.StatusOK, "POST", "/api/tasks/"+id+"/cancel", "")
	eventually(t, "it has stopped", func() bool { return s.status(t, id).Status == "cancelled" })
	if err := chromedp.Do(tabs[0], chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	mustShow(t, tabs, mine+`[data-status="cancelled"]`)

	click(tabs[0], t, "#start")
	mustShow(t, tabs, `body[data-loop="running"]`)
	lost := attribute(tabs[0], t, "started")
	s.kill(t)
	s.again(t) // its memory is empty
	mustShow(t, tabs, fmt.Sprintf(`#mine li[data-task=%q][data-status="expired"]`, lost))
	mustShow(t, tabs, `body[data-loop="ended"]`)
	reload()
	mustShow(t, tabs, `body[data-state="open"]`)
	mustShow(t, tabs, fmt.Sprintf(`#mine:not(:has([data-task=%q]))`, lost))
}

// leave shows an empty page in a tab, so that the one before is gone.
func leave(tab context.Context, t *testing.T) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
}

// A crash, a deploy and a service that forgets everything: pages come back by themselves.
func TestPagesComeBackAfterARestart(t *testing.T) { // B5, B7
	t.Parallel()
	s := start(t, "SSE_DRAIN_SPREAD=1s")
	tabs := openTabs(t, 2, newClientSite(t, s.url).page(""))
	mustShow(t, tabs, `body[data-state="open"]`)
	lost := s.startTask(t, longTask)
	mustShow(t, tabs, taskItem(lost, `[data-status="running"]`))
	s.kill(t)
	mustShow(t, tabs, `body[data-state="reconnecting"][data-stale="true"]`)
	mustShow(t, tabs, taskItem(lost, `[data-status="running"]`)) // what is shown is kept
	s.again(t)
	mustShow(t, tabs, `body[data-state="open"][data-reset="epoch"]`)
	mustShow(t, tabs, taskItem(lost, `[data-status="expired"]`))

	s.terminate(t)
	s.again(t)
	id := s.startTask(t, quickTask)
	mustShow(t, tabs, taskItem(id, `[data-status="completed"][data-value="1"]`))
	if got := s.scrape(t)[active]; got != 1 {
		t.Errorf("B2: after a deploy two tabs have %v streams, want 1", got)
	}
	noOlder(t, tabs)
}

// The worker of all tabs dies: another one takes its place, and goes on.
func TestAWorkerThatDiesIsReplaced(t *testing.T) { // B3
	t.Parallel()
	s := start(t)
	tabs := openTabs(t, 2, newClientSite(t, s.url).page(""))
	mustShow(t, tabs, `body[data-state="open"][data-sharing="worker"]`)
	before := s.startTask(t, longTask)
	mustShow(t, tabs, taskItem(before, `[data-status="running"]`))
	endWorker(tabs[0], t)
	id := s.startTask(t, quickTask)
	mustShow(t, tabs, taskItem(id, `[data-status="completed"]`))
	mustShow(t, tabs, taskItem(before, `[data-status="running"]`))
	eventually(t, "the stream of the dead worker has ended", func() bool { return s.scrape(t)[active] == 1 })
	noOlder(t, tabs)
}

// endWorker ends the browser's SharedWorker, as a crash would.
func endWorker(tab context.Context, t *testing.T) {
	t.Helper()
	targets, err := chromedp.Targets(tab)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range targets {
		if info.Type == "shared_worker" {
			if _, err := chromedp.CallBrowser(tab, target.CloseTarget, target.CloseTargetParams{TargetID: info.TargetID}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("there is no SharedWorker")
}

// Pages of another origin cannot share a worker of the service's: a tab leads.
func TestPagesOfAnotherOriginHaveALeader(t *testing.T) { // B2, B3, S6
	t.Parallel()
	site := newClientSite(t, "http://127.0.0.1:1") // it has no service of its own
	s := start(t, "CORS_ORIGINS="+site.url)
	site.policy.Store(new(strings.ReplaceAll(clientPolicy, "'self'", "'self' "+s.url)))
	tabs := openTabs(t, 3, site.page("api="+url.QueryEscape(s.url+"/api")))
	mustShow(t, tabs[:1], `body[data-state="open"][data-sharing="leader"]`)
	mustShow(t, tabs[1:], `body[data-state="open"][data-sharing="follower"]`)
	if got := s.scrape(t)[active]; got != 1 {
		t.Errorf("B2: three tabs of another origin have %v streams, want 1", got)
	}
	id := s.startTask(t, longTask)
	mustShow(t, tabs, taskItem(id, `[data-status="running"]`))

	leave(tabs[0], t)
	mustShow(t, tabs[1:2], `body[data-sharing="leader"]`)
	click(tabs[2], t, "#cancel")
	mustShow(t, tabs[1:], taskItem(id, `[data-status="cancelled"]`))
	eventually(t, "the stream of the first leader has ended", func() bool { return s.scrape(t)[active] == 1 })
	noOlder(t, tabs[1:])
}

// A browser whose fetch gives no bodies as they come reads the stream with EventSource, and
// goes on where it was when that breaks.
func TestWithoutStreamingBodiesAPageUsesEventSource(t *testing.T) { // B1, B7
	t.Parallel()
	s := start(t)
	site := newClientSite(t, s.url)
	tabs := openTabs(t, 1, site.page("bodies=none&share=none"))
	mustShow(t, tabs, `body[data-state="open"][data-sharing="own"][data-sources="1"]`)
	id := s.startTask(t, longTask)
	mustShow(t, tabs, taskItem(id, `[data-status="running"]`))
	site.server.CloseClientConnections()
	mustShow(t, tabs, `body[data-sources="2"]`)
	s.must(t, http.StatusOK, "POST", "/api/tasks/"+id+"/cancel", "")
	mustShow(t, tabs, taskItem(id, `[data-status="cancelled"]`))
	mustShow(t, tabs, `body[data-state="open"]`)
	noOlder(t, tabs)
	if reset := attribute(tabs[0], t, "reset"); reset != "" {
		t.Errorf("it was reset: %s", reset)
	}
}

// A log-out in one tab ends the stream of all, quietly; after a log-in of somebody else
// nothing of the first user is left.
func TestALogOutEndsTheStreamOfAllTabs(t *testing.T) { // B8, A12
	t.Parallel()
	s := start(t, secured()...)
	site := newClientSite(t, s.url)
	login := func(name string) { token := tokenOf(t, name, nil); site.tokens.Store(&token) }
	login("ann")
	tabs := openTabs(t, 3, site.page("token=/token&"+longStart))
	mustShow(t, tabs, `body[data-state="open"]`)
	click(tabs[0], t, "#start")
	mustShow(t, tabs, `#mine li[data-status="running"]`)

	site.tokens.Store(nil)
	click(tabs[1], t, "#reconnect") // the page's log-out
	mustShow(t, tabs, `body[data-state="signed-out"][data-error=""]`)
	admin := s.as(tokenOf(t, "root", claims{"scope": "admin"}))
	eventually(t, "no stream is left", func() bool { return admin.scrape(t)[active] == 0 })

	login("bob")
	click(tabs[2], t, "#reconnect")
	mustShow(t, tabs, `body[data-state="open"]`)
	mustShow(t, tabs, `#tasks:empty`)
	mustShow(t, tabs, `#mine:empty`)
	if got := admin.scrape(t)[active]; got != 1 {
		t.Errorf("B2: three tabs of bob have %v streams, want 1", got)
	}
}

// The library needs no browser, fetches large results by itself, and leaves nothing
// behind that keeps a program from ending.
func TestAProgramUsesTheClientLibrary(t *testing.T) { // B1, B9, B15
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: node is not installed")
	}
	s := start(t)
	dir := t.TempDir()
	for _, name := range []string{"client.js", "worker.js"} {
		res, err := s.client.Get(s.url + "/api/client/" + name)
		if err != nil {
			t.Fatal(err)
		}
		script, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v", name, res.StatusCode, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), script, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, node, clientPage+"/program.mjs", dir, s.url+"/api").CombinedOutput()
	want := `{"last":"completed","result":{"message":"from a program","steps_completed":2,"status":"success"},"refused":"StartRefused UNKNOWN_TASK_TYPE","large":200000}`
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		t.Errorf("the program: %v\n got %s\nwant %s", err, got, want)
	}
}

// Streams that break after any number of bytes: in the end every tab says what the service
// says, and has never shown anything older.
func TestStreamsThatAreCutAnywhere(t *testing.T) { // B1, B5, B7
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := start(t)
	site := newClientSite(t, s.url)
	tabs := openTabs(t, 2, site.page(""))
	mustShow(t, tabs, `body[data-state="open"]`)
	var mu sync.Mutex
	site.length.Store(new(func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return 1 + random.Int64N(4000)
	}))
	site.server.CloseClientConnections()
	ids := make([]string, 0, 30)
	for range cap(ids) {
		ids = append(ids, s.startTask(t, `{"type":"demo_task","params":{"steps":5,"delay":0.05}}`))
	}
	eventually(t, "all tasks have ended", func() bool { return s.status(t, ids[len(ids)-1]).Status == "completed" })
	site.length.Store(nil)
	site.server.CloseClientConnections()
	for _, id := range ids {
		mustShow(t, tabs, taskItem(id, `[data-status="completed"][data-value="1"]`))
	}
	noOlder(t, tabs)
}

// Two tabs read what a task prints, each byte once, while their stream breaks.
func TestTabsReadWhatATaskPrints(t *testing.T) { // B12
	t.Parallel()
	s := start(t, workersFile(t, "20s"))
	site := newClientSite(t, s.url)
	c := s.startLeased(t, `{"type":"count","params":{"steps":1},"claim":true}`)
	tabs := openTabs(t, 2, site.page("output="+c.TaskID))
	mustShow(t, tabs, `body[data-state="open"]`)
	printed := ""
	for i := range 20 {
		text := fmt.Sprintf("line %d, änderbar\n", i)
		s.must(t, http.StatusOK, "POST", fmt.Sprintf("/api/tasks/%s/output?lease=%s&offset=%d", c.TaskID, c.Lease, len(printed)), text)
		printed += text
		if i%7 == 3 {
			mustShow(t, tabs[:1], fmt.Sprintf(`body[data-bytes="%d"]`, len(printed)))
			site.server.CloseClientConnections()
		}
	}
	if got := s.say(t, claimed{TaskID: c.TaskID, Lease: c.Lease}, "complete", ""); got.status != http.StatusOK {
		t.Fatalf("complete: %d %s", got.status, got.body)
	}
	mustShow(t, tabs, `body[data-output="ended"]`)
	for i, tab := range tabs {
		got, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector('#output').textContent`))
		if err != nil || got != printed {
			t.Errorf("B12: tab %d has read %q, %v, want %q", i+1, got, err, printed)
		}
		if broken := attribute(tab, t, "broken"); broken != "" {
			t.Errorf("B12: tab %d: %s", i+1, broken)
		}
	}
}

// A proxy that holds a stream back shows nowhere but in the browser, whose library says so:
// then the service can explain it.
func TestAPageSaysThatAProxyHoldsItsStreamBack(t *testing.T) { // W6
	t.Parallel()
	s := start(t, "SSE_PING_INTERVAL=1s")
	site := newClientSite(t, s.url)
	find := func(t *testing.T) (all []string) {
		t.Helper()
		var list struct {
			Connections []struct {
				RequestID string `json:"request_id"`
			}
		}
		s.must(t, http.StatusOK, "GET", "/api/connections", "").into(t, &list)
		for _, c := range list.Connections {
			var said struct {
				Findings []struct{ Code string }
			}
			s.must(t, http.StatusOK, "GET", "/api/connections/"+c.RequestID, "").into(t, &said)
			for _, finding := range said.Findings {
				all = append(all, finding.Code)
			}
		}
		return all
	}
	tab := openTabs(t, 1, site.page(""))[0]
	mustShow(t, []context.Context{tab}, "body[data-state=open]")
	if codes := find(t); len(codes) != 0 {
		t.Errorf("of a stream that is well the service says %v", codes)
	}
	site.held.Store(int64(5 * time.Second))
	site.server.CloseClientConnections() // the next stream is held back
	eventually(t, "the service knows of the proxy", func() bool { return slices.Contains(find(t), "BUFFERING_PROXY") })
}
