package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestTheConsoleShowsTheLogLive(t *testing.T) { // W5
	t.Parallel()
	s := start(t)
	c := openConsole(t, s.url, "#/stream")
	c.says(".note", "No event yet")
	id := s.startTask(t, `{"type":"demo_task","params":{"steps":2,"delay":0}}`)
	c.says("tbody tr", "task_completed")
	c.says("tbody tr", id[:8])
	c.says(".note", "The log holds")
	c.click("tbody tr summary")
	c.says("tbody tr pre", id)
	c.picture("stream")

	// A name, a text and an ID to begin after are parts of the link.
	c.goTo("#/stream?type=version")
	c.says(".note", "No event yet")
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"9.9"}`)
	c.says("tbody tr", `{"version":"9.9"}`)
	c.goTo("#/stream?q=task_started")
	c.says("tbody tr", "task_started")
	if n := c.eval("document.querySelectorAll('tbody tr').length"); n != "1" {
		t.Errorf("%s events have the text, want 1", n)
	}
	first := c.eval("document.querySelector('tbody tr').dataset.key")
	c.goTo("#/stream?from=" + first)
	c.says("tbody tr", "task_completed")
	if got := c.eval("[...document.querySelectorAll('tbody tr')].some((row) => row.textContent.includes('task_started'))"); got != "false" {
		t.Error("after the first event comes the first event")
	}
	c.goTo("#/stream?from=aaaaaaaaaaaaaaaa-1")
	c.says(".note", "does not reach back to that ID")

	c.press("p")
	c.says("button[aria-pressed=true]", "Go on")
}

func TestTheConsoleSendsEventsAndVersions(t *testing.T) { // W5, W7, E11, V6
	t.Parallel()
	s := start(t)
	st := s.stream(t, "page")
	c := openConsole(t, s.url, "#/stream")
	c.clickText("Send an event…")
	c.fill("#ask-name", "order.changed")
	c.fill("#ask-data", "{nothing")
	c.click("dialog [type=submit]")
	c.says("dialog .trouble", "Data is not JSON")
	c.fill("#ask-data", `{"id":4711}`)
	c.fill("#ask-name", "version")
	c.click("dialog [type=submit]")
	c.says("dialog .trouble", "name") // the service's own words: that name is taken
	c.fill("#ask-name", "order.changed")
	c.click("dialog [type=submit]")
	if e := st.awaitNamed(t, "order.changed"); !strings.Contains(e.Data, "4711") {
		t.Errorf("the event has %s", e.Data)
	}
	c.says("tbody tr", "order.changed")

	c.goTo("#/versions")
	c.says("section", "No version is known")
	c.clickText("Announce a version…")
	c.fill("#ask-version", "2.0")
	c.click("dialog [type=submit]")
	st.awaitVersion(t, "2.0")
	c.says(".figure", "2.0")
	c.picture("versions")
}

// What operators look at: each page says what there is, is accessible, and fits on a phone.
func TestTheConsoleShowsOperatorsWhatThereIs(t *testing.T) { // W6, W7
	t.Parallel()
	s := start(t, retryingFile(t), "FRONTEND_VERSION=1.4.0")
	c := openConsole(t, s.url, "#/health")
	s.startTask(t, `{"type":"elsewhere"}`)
	s.startTask(t, `{"type":"elsewhere"}`)
	lease := s.claimElsewhere(t)
	st := s.stream(t, "me")
	st.awaitVersion(t, "1.4.0")
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"1.5.0","request_id":"other"}`)
	for _, page := range []struct{ place, shown string }{
		{"#/stream", "task_queued"},
		{"#/connections", "me"},
		{"#/connections/me", "Nothing is wrong"},
		{"#/connections/nobody", "nor had one lately"},
		{"#/versions", "1.5.0"},
		{"#/workers", lease.TaskID[:8]},
		{"#/nodes", "answers here"},
		{"#/health", "The last hour"},
		{"#/settings", "FRONTEND_VERSION"},
	} {
		c.goTo(page.place)
		c.says("main", page.shown)
		for _, theme := range []string{"light", "dark"} {
			c.theme(theme)
			for _, width := range []int64{1280, 360} {
				c.do(chromedp.EmulateViewport(width, 800))
				c.accessible(fmt.Sprintf("%s, %s, %d px", page.place, theme, width))
			}
			c.fits(page.place)
		}
	}
	c.goTo("#/stream")
	c.clickText("Send an event…")
	c.says("dialog", "Any JSON")
	c.accessible("a dialog with fields")
	c.fits("a dialog with fields")
}

func TestTheConsoleEndsAStreamAndExplainsIt(t *testing.T) { // W6, A18
	t.Parallel()
	s := start(t)
	st := s.stream(t, "me")
	st.awaitNamed(t, "task_snapshot")
	c := openConsole(t, s.url, "#/connections?request_id=m")
	c.click("a[data-row]")
	c.says("main", "Nothing is wrong")
	c.clickText("End this stream…")
	c.clickText("End it")
	c.says(".finding", "disconnected")
	c.says(".facts", "Ended")
}

// clickText clicks the button or link with these words.
func (c *console) clickText(words string) {
	c.t.Helper()
	c.says("button, a", words)
	c.eval(fmt.Sprintf("void [...document.querySelectorAll('button, a')].find((e) => e.checkVisibility() && e.textContent.includes(%q)).click()", words))
}

// fill writes text into a field, in place of what is there, as typing does.
func (c *console) fill(selector, text string) {
	c.t.Helper()
	c.shows(selector)
	c.eval(fmt.Sprintf("void ((field) => { field.value = %q; field.dispatchEvent(new Event('input', { bubbles: true })); })(document.querySelector(%q))", text, selector))
}
