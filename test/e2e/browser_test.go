package e2e_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// sample is the page that docs/migration.md shows.
const sample = "../../docs/examples/shared-worker"

// Two tabs of a real browser share one stream, which survives a crash of the
// service and a deploy without a reload of the page.
func TestTwoTabsShareOneStreamThatSurvives(t *testing.T) { // G1, G3, G8, T13, V1
	t.Parallel()
	s := start(t, "FRONTEND_VERSION=1")
	page := site(t, s.url) + "/page.html"
	tabs := openTabs(t, 2, page)
	mustShow(t, tabs, `body[data-state="open"][data-version="1"]`)
	if got := s.scrape(t)[active]; got != 1 {
		t.Errorf("two tabs have %v connections, want 1", got)
	}
	id := s.startTask(t, quickTask)
	mustShow(t, tabs, fmt.Sprintf(`[data-task-id=%q][data-status="completed"][data-value="1"]`, id))
	lost := s.startTask(t, chatty)
	mustShow(t, tabs, fmt.Sprintf(`[data-task-id=%q][data-status="running"]`, lost))

	s.kill(t)
	mustShow(t, tabs, `body[data-state="connecting"]`)
	again := start(t, "HTTP_ADDR="+s.addr, "FRONTEND_VERSION=2", "SSE_DRAIN_SPREAD=1s")
	mustShow(t, tabs, `body[data-state="open"][data-version="2"]`)
	mustShow(t, tabs, fmt.Sprintf(`[data-task-id=%q][data-status="gone"]`, lost))
	id = again.startTask(t, quickTask)
	mustShow(t, tabs, fmt.Sprintf(`[data-task-id=%q][data-status="completed"][data-value="1"]`, id))
	if got := again.scrape(t)[active]; got != 1 {
		t.Errorf("after the crash two tabs have %v connections, want 1", got)
	}

	again.terminate(t)
	start(t, "HTTP_ADDR="+s.addr, "FRONTEND_VERSION=3")
	mustShow(t, tabs, `body[data-state="open"][data-version="3"]`)
}

// site serves the sample and, on the same origin, the service: what a reverse
// proxy does in production.
func site(t *testing.T, service string) string {
	t.Helper()
	target, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	quiet := log.New(io.Discard, "", 0) // of streams that a crash breaks
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(sample)))
	mux.Handle("/api/", &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
		ErrorLog:  quiet,
		// While the service is down this answers like any proxy.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return server.URL
}

// openTabs opens a page in n tabs of one new browser with a fresh profile.
func openTabs(t *testing.T, n int, page string) []context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	browser, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	first, closeFirst := chromedp.NewContext(browser)
	t.Cleanup(func() {
		closeFirst()
		stop()
		chromedp.FromContext(first).Allocator.Wait()
	})
	tabs := []context.Context{first}
	for i := range n {
		if i > 0 { // only a tab of a browser that runs is not a browser of its own
			tab, closeTab := chromedp.NewContext(first)
			t.Cleanup(closeTab)
			tabs = append(tabs, tab)
		}
		if err := chromedp.Do(tabs[i], chromedp.Navigate(page)); err != nil {
			t.Fatalf("the browser (chromium is needed in PATH): %v", err)
		}
	}
	return tabs
}

// mustShow waits until every tab has an element for the selector.
func mustShow(t *testing.T, tabs []context.Context, selector string) {
	t.Helper()
	for i, tab := range tabs {
		ctx, cancel := context.WithTimeout(tab, waitLimit)
		err := chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS(selector)))
		cancel()
		if err != nil {
			body, _ := chromedp.Run(tab, chromedp.OuterHTML(chromedp.CSS("body")))
			t.Fatalf("tab %d does not show %s: %v\n%s", i+1, selector, err, body)
		}
	}
}
