package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"

	"heliograph/test/freeport"
	"heliograph/test/programs"
)

// sampleApp serves docs/examples/frontend, with a service behind it, and returns its URL.
func sampleApp(t *testing.T, service string) string {
	t.Helper()
	const modules = "../../adapters/inbound/webclient"
	if _, err := os.Stat(modules + "/node_modules/react-dom"); err != nil {
		install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		install.Dir = modules
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("the app's packages (npm is needed in PATH): %v\n%s", err, out)
		}
	}
	addr := freeport.Addr(t)
	cmd := exec.Command(programs.Plain(t, "heliograph/docs/examples/frontend"), "-addr", addr, "-service", service)
	cmd.Dir = "../.."
	p := launchCmd(t, cmd, "frontend")
	eventually(t, "the app is served", func() bool {
		if p.hasExited() {
			t.Fatalf("it ended with %s:\n%s", p.cmd.ProcessState, p.logs)
		}
		res, err := http.Get("http://" + addr + "/app.js")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	return "http://" + addr
}

// row is the selector of a task in the app's list, with these attributes.
func row(id, attributes string) string { return fmt.Sprintf(`li[data-task=%q]%s`, id, attributes) }

// newRow clicks on start in a tab and returns the task that is new in its list.
func newRow(tab context.Context, t *testing.T, rows int) (id string) {
	t.Helper()
	click(tab, t, "#start")
	mustShow(t, []context.Context{tab}, fmt.Sprintf("li:nth-child(%d)", rows))
	id, err := chromedp.Run(tab, chromedp.Evaluate[string]("document.querySelector('li').dataset.task")) // the newest is first
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// mustAlert fails unless a tab shows so many errors.
func mustAlert(tab context.Context, t *testing.T, want int) {
	t.Helper()
	got, err := chromedp.Run(tab, chromedp.Evaluate[int](`document.querySelectorAll('[role="alert"]').length`))
	if err != nil || got != want {
		t.Errorf("a tab shows %d errors (%v), want %d", got, err, want)
	}
}

// A task that fails says so in its row, once, also where it was started.
func TestTheSampleAppShowsAnErrorOnce(t *testing.T) { // B17
	t.Parallel()
	s := start(t, "TASK_TIMEOUT=500ms")
	tabs := openTabs(t, 2, sampleApp(t, s.url))
	mustShow(t, tabs, "#start")
	id := newRow(tabs[0], t, 1)
	mustShow(t, tabs, row(id, `[data-status="failed"] p[role="alert"]`))
	for _, tab := range tabs {
		mustAlert(tab, t, 1)
	}
}

// The app of the guide, as its user has it: in two tabs, with a service that is busy.
func TestTheSampleAppDoesWhatItsPageSays(t *testing.T) { // B2, B4, B9, B10, B17, B18
	t.Parallel()
	s := start(t, "FRONTEND_VERSION=1", "TASK_MAX_WORKERS=1", "TASK_QUEUE_SIZE=1")
	app := sampleApp(t, s.url)
	tabs := openTabs(t, 2, app)
	mustShow(t, tabs, "#start")
	eventually(t, "both tabs have one stream", func() bool { return s.scrape(t)[active] == 1 })
	busy := s.startTask(t, longTask)
	eventually(t, "the one worker is busy", func() bool { return s.status(t, busy).Status == "running" })

	first := newRow(tabs[0], t, 1)
	mustShow(t, tabs, row(first, `[data-status="pending"]`))
	click(tabs[1], t, "#start")
	mustShow(t, tabs[1:], `main > p[role="alert"]`) // the queue is full
	mustAlert(tabs[0], t, 0)
	mustAlert(tabs[1], t, 1)
	click(tabs[1], t, row(first, " button")) // which is the one to cancel
	mustShow(t, tabs, row(first, `[data-status="cancelled"]:not(:has(button))`))

	s.must(t, http.StatusOK, "POST", "/api/tasks/"+busy+"/cancel", "")
	eventually(t, "the worker is free", func() bool { return s.status(t, busy).Status == "cancelled" })
	const watch = `window.seen = []; new MutationObserver(() => {
		for (const { value, position } of document.querySelectorAll('progress')) if (position > 0 && position < 1) seen.push(value);
	}).observe(document, { subtree: true, childList: true, attributes: true, characterData: true })`
	if _, err := chromedp.Run(tabs[0], chromedp.Evaluate[string](watch+"; ''")); err != nil {
		t.Fatal(err)
	}
	second := newRow(tabs[1], t, 2) // in the first tab it could be a double click yet
	mustShow(t, tabs, row(second, `[data-status="completed"] progress[value="1"]`))
	for _, tab := range tabs {
		result, err := chromedp.Run(tab, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).textContent", row(second, " output"))))
		if err != nil || result != "hello" {
			t.Errorf("a tab shows the result %q (%v), want that of the task", result, err)
		}
	}
	if seen, err := chromedp.Run(tabs[0], chromedp.Evaluate[int]("seen.length")); err != nil || seen == 0 {
		t.Errorf("the other tab has shown no progress: %d, %v", seen, err)
	}

	if err := chromedp.Do(tabs[0], chromedp.Reload()); err != nil {
		t.Fatal(err)
	}
	mustShow(t, tabs, row(first, `[data-status="cancelled"]`))
	mustShow(t, tabs, row(second, `[data-status="completed"]`))

	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
	mustShow(t, tabs, `main > p[role="status"]`)
	click(tabs[1], t, `main > p[role="status"] button:last-child`)
	mustShow(t, tabs, `main:not(:has(p[role="status"]))`) // in both

	if err := chromedp.Do(tabs[1], chromedp.Navigate(app+"/elements.html")); err != nil {
		t.Fatal(err)
	}
	mustShow(t, tabs[1:], `heliograph-task[status="expired"]`) // no service has the task of the guide
}
