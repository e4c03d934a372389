package e2e_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"heliograph/test/chromium"
)

// openTabs opens a page in n tabs of one new browser with a fresh profile.
func openTabs(t *testing.T, n int, page string) []context.Context {
	t.Helper()
	first, end, err := chromium.Launch(t.Context(), "chromium")
	t.Cleanup(end)
	if err != nil {
		t.Fatalf("the browser (chromium is needed in PATH): %v", err)
	}
	tabs := []context.Context{first}
	for i := range n {
		if i > 0 { // only a tab of a browser that runs is not a browser of its own
			tab, closeTab := chromedp.NewContext(first)
			t.Cleanup(closeTab)
			tabs = append(tabs, tab)
		}
		if err := chromedp.Do(tabs[i], chromedp.Navigate(page)); err != nil {
			t.Fatalf("the browser: %v", err)
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
