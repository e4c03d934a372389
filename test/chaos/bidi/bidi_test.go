package bidi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/test/chaos/bidi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Everything that tests do with Firefox.
func TestFirefoxIsDriven(t *testing.T) {
	path, err := exec.LookPath("firefox-esr")
	if err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
		t.Fatal("firefox-esr is not installed, so nothing is tested in it")
	}
	if err != nil {
		t.Skip("SKIPPED: firefox-esr is not installed, so nothing is tested in it")
	}
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<title>"+r.URL.Path+"</title>")
	}))
	defer pages.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := bidi.Launch(ctx, path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
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
	do(tab.Navigate(ctx, pages.URL+"/one"))
	shows("/one")
	do(tab.Navigate(ctx, pages.URL+"/two"))
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
