package chaos_test

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
)

// browser is a real browser with a fresh profile, whose tabs share it.
type browser interface {
	// open opens an empty tab.
	open(ctx context.Context) (tab, error)
	// duplicate opens the page of a tab in another one, which begins with a copy of the
	// tab's own storage, as "Duplicate tab" does.
	duplicate(ctx context.Context, of tab) (tab, error)
	// killWorker ends the SharedWorker of that origin.
	killWorker(ctx context.Context, of tab) error
	// signal sends a signal to all processes of the browser.
	signal(sig syscall.Signal) error
	close()
}

// document is what a tab shows.
type document interface {
	navigate(ctx context.Context, url string) error
	reload(ctx context.Context) error
	// eval returns what an expression is, as text; a promise is waited for.
	eval(ctx context.Context, expression string) (string, error)
}

// tab is one tab of a browser.
type tab interface {
	document
	// freeze has the browser freeze the page, as it does with those in the background, or
	// ends that.
	freeze(ctx context.Context, frozen bool) error
	// kill ends the tab without a word to the page.
	kill(ctx context.Context) error
	close(ctx context.Context) error
}

// browsers are those that the tests know, by name.
var browsers = []struct {
	name    string
	program string
	launch  func(t *testing.T, path string) browser
}{
	{"Chromium", "chromium", launchChromium},
	{"Firefox", "firefox-esr", launchFirefox},
}

// find returns the path of a program, which CI must have.
func find(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && setting("CI") == "true" {
		t.Fatalf("%s is not installed, so nothing is broken in it", program)
	}
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed, so nothing is broken in it", program)
	}
	return path
}
