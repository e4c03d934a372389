package bidi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/test/chaos/bidi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts Firefox, and serves pages that have their path as the title and say whether they
// came out of the back/forward cache.
func start(t *testing.T) (ctx context.Context, b *bidi.Browser, url string) {
	t.Helper()
	path, err := exec.LookPath("firefox-esr")
	if err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
		t.Fatal("firefox-esr is not installed, so nothing is tested in it")
	}
	if err != nil {
		t.Skip("SKIPPED: firefox-esr is not installed, so nothing is tested in it")
	}
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<title>"+r.URL.Path+"</title><script>onpageshow = ({ persisted }) => (globalThis.cached = persisted)</script>")
	}))
	t.Cleanup(pages.Close)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	b, err = bidi.Launch(ctx, path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return ctx, b, pages.URL
}

// What docs/client-breakages.md says of Firefox: it keeps pages in its back/forward cache, and
// none that holds a Web Lock when it is left, also if it lets go of it then.
func TestFirefoxCachesNoPageThatHoldsALock(t *testing.T) { // B3
	ctx, b, url := start(t)
	for page, holds := range map[string]string{
		"nothing": "1", "a lock": "void navigator.locks.request('held', () => new Promise((done) => (onpagehide = done)))",
	} {
		tab, err := b.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		err = tab.Navigate(ctx, url+"/one")
		if err == nil {
			_, err = tab.Evaluate(ctx, holds)
		}
		if err == nil {
			_, err = tab.Evaluate(ctx, "navigator.locks.query().then(({ held }) => held.length)")
		}
		if err == nil {
			err = tab.Navigate(ctx, url+"/two")
		}
		if err == nil {
			err = tab.Go(ctx, -1)
		}
		if err != nil {
			t.Fatal(err)
		}
		cached, err := tab.Evaluate(ctx, "cached")
		if want := strconv.FormatBool(page == "nothing"); err != nil || cached != want {
			t.Errorf("a page that holds %s comes out of the cache: %s, %v, want %s", page, cached, err, want)
		}
	}
}

// Everything that tests do with Firefox.
func TestFirefoxIsDriven(t *testing.T) {
	ctx, b, url := start(t)
	tab, err := b.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(want string) {
		t.Helper()
		if got, err := tab.Evaluate(ctx, "document.title"); err != nil || got != want {
			t.Errorf("the tab shows %q, %v, want %q", got, err, want)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(tab.Navigate(ctx, url+"/one"))
	shows("/one")
	do(tab.Navigate(ctx, url+"/two"))
	do(tab.Go(ctx, -1))
	shows("/one")
	do(tab.Reload(ctx))
	shows("/one")
	if _, err := tab.Evaluate(ctx, "Promise.reject(new Error('no'))"); err == nil {
		t.Error("a rejected promise is no error")
	}
	before, err := b.Tabs(ctx)
	do(err)
	if _, err := tab.Evaluate(ctx, "open('/three') !== null"); err != nil {
		t.Error(err)
	}
	after, err := b.Tabs(ctx)
	if err != nil || len(after) != len(before)+1 {
		t.Errorf("%d tabs after %d, %v", len(after), len(before), err)
	}
	do(tab.Close(ctx))
	if _, err := tab.Evaluate(ctx, "1"); err == nil {
		t.Error("a closed tab answers")
	}
}
