package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// With authentication the console asks for a credential, says why one is refused, and may
// do what it may do.
func TestTheConsoleAsksForACredential(t *testing.T) { // W, A9
	t.Parallel()
	s := start(t, secured("AUTH_DEFAULT_SCOPES=stream")...)
	admin := tokenOf(t, "root", claims{"scope": "admin"})
	id := s.as(admin).startTask(t, longTask)
	c := openConsole(t, s.url, "#/tasks")
	c.says("h1", "Sign in to heliograph")
	if c.eval("document.querySelector('.trouble') === null") != "true" {
		t.Error("it complains before anything was entered")
	}
	c.accessible("the sign-in")
	c.enter("#credential", "nonsense", kb.Enter)
	c.says(".trouble", "credential")
	c.enter("#credential", tokenOf(t, "ann", nil), kb.Enter)
	c.says(".trouble", "it lacks the scope tasks:read")
	c.enter("#credential", admin, kb.Enter)
	c.says(taskRow(id), "running")
	c.says(".stream", "live")
	c.click(taskRow(id) + ` [data-do="cancel"]`)
	c.says(taskRow(id), "cancelled")
	c.do(chromedp.Reload())
	c.says(taskRow(id), "cancelled") // it is kept in the tab
	c.goTo("#/tasks/" + id)
	c.click("details:has(.command) summary")
	c.says(".command", `-H "Authorization: Bearer $TOKEN"`)

	s.as(admin).must(t, http.StatusOK, "POST", "/api/subjects/root/revoke", "")
	c.says(".trouble", "revoked")
	if kept := c.eval("sessionStorage.getItem('heliograph:credential')"); kept != "null" {
		t.Errorf("the credential is kept: %s", kept)
	}
}

// Who may read but not cancel is told so, in words.
func TestTheConsoleSaysWhatACredentialMayNotDo(t *testing.T) { // W, A9
	t.Parallel()
	s := start(t, secured()...)
	id := s.as(tokenOf(t, "root", claims{"scope": "admin"})).startTask(t, `{"type":"long_running_task","params":{"total_time":600},"audience":"everyone"}`)
	c := openConsole(t, s.url, "#/tasks/"+id)
	c.enter("#credential", tokenOf(t, "ann", claims{"scope": "stream tasks:read"}), kb.Enter)
	c.says("main .badge", "running")
	c.says("main", "The log of events is for operators")
	c.press("c")
	c.says(".said", "it lacks the scope tasks:cancel")
	for place, unknown := range map[string]string{"#/workers": "No worker has a task now.", "#/stream": "Loading…", "#/nodes": "ready", "#/connections": "No open stream matches."} {
		c.goTo(place)
		c.says(".trouble", "it lacks the scope admin")
		if shown := c.eval(fmt.Sprintf("document.querySelector('main').innerText.includes(%q)", unknown)); shown != "false" {
			t.Errorf("%s says %q of what it does not know", place, unknown)
		}
	}
}

// CONSOLE=read offers nothing that changes something, and says so; off is no page.
func TestTheConsoleCanBeReadOnlyOrOff(t *testing.T) { // W
	t.Parallel()
	s := start(t, "CONSOLE=read")
	c := openConsole(t, s.url, "#/tasks")
	c.says(".top", "read only")
	c.says("h2", "Nothing has run yet")
	c.says("p", "This page is read only.")
	id := s.startTask(t, longTask)
	c.says(taskRow(id), "running")
	c.press("j", "c")
	for _, place := range []string{"#/tasks", "#/tasks/" + id} {
		c.goTo(place)
		c.says("main", "long_running_task")
		if found := c.eval(`[...document.querySelectorAll('main button, main a')].filter((e) => /cancel|retry|remove|start a task/i.test(e.textContent) && e.dataset.state === undefined).length`); found != "0" {
			t.Errorf("%s offers to change something", place)
		}
	}
	c.goTo("#/start")
	c.says("main", "it starts nothing")
	if got := s.status(t, id).Status; got != "running" {
		t.Errorf("the task is %s", got)
	}

	off := start(t, "CONSOLE=off")
	off.must(t, http.StatusNotFound, "GET", "/", "")
	production := start(t, "APP_ENV=production", "AUTH=none")
	if got := production.must(t, http.StatusNotFound, "GET", "/", ""); got.code() != "NOT_FOUND" {
		t.Errorf("in production: %s", got.body)
	}
}

// Nothing needs a mouse.
func TestTheConsoleNeedsNoMouse(t *testing.T) { // W
	t.Parallel()
	s := start(t, consoleTypes)
	c := openConsole(t, s.url, "")
	c.says("h2", "Nothing has run yet")
	for c.eval("document.activeElement.dataset.demo ?? 'no'") == "no" {
		c.press(kb.Tab)
	}
	c.press(kb.Enter)
	c.says("tbody tr", "running")
	c.press("?")
	c.says("dialog", "next row")
	c.press(kb.Escape)
	c.says(taskRow(s.startTask(t, longTask)), "running")
	c.press("j")
	if c.eval("document.activeElement.dataset.row ?? 'no'") == "no" {
		t.Fatal("j does not lead to a row")
	}
	c.press("c")
	c.says("tbody tr", "cancelled")
	c.press(kb.Enter)
	c.says("h1", "long_running_task")
	c.press("r")
	c.says(".said", "Started again")
	c.press(kb.Escape)
	c.isAt("#/tasks")
	c.press("g", "s")
	c.isAt("#/start")
	c.says("li", "convert")
	c.press("j", kb.Enter)
	c.isAt("#/start/convert")
	c.says("label", "file")
	for c.eval("document.activeElement.closest('.fields') ? 'yes' : 'no'") == "no" {
		c.press(kb.Tab)
	}
	c.press(strings.Split("cat.png", "")...)
	for c.eval("document.activeElement.type") != "submit" {
		c.press(kb.Tab)
	}
	c.press(kb.Enter)
	eventually(t, "the page of the task is open", func() bool { return strings.HasPrefix(c.place(), "#/tasks/") })
	c.press("g", "t")
	c.says("h1", "Tasks")
	c.press("/", kb.Backspace) // the protocol's key types its character, though the page has prevented that
	c.do(chromedp.KeyEvent("order:1" + kb.Enter))
	c.isAt("#/tasks?label=order:1")
	c.says("main", "No task matches.")
}

// Every page is for everybody, in both themes, and fits on a phone.
func TestTheConsoleIsAccessibleAndFitsOnAPhone(t *testing.T) { // W
	t.Parallel()
	s := start(t, consoleTypes)
	c := openConsole(t, s.url, "#/tasks")
	c.says("h2", "Nothing has run yet")
	for _, theme := range []string{"light", "dark"} {
		c.theme(theme)
		c.accessible("the first run, " + theme)
	}
	failed := s.startTask(t, `{"type":"failing_task","params":{"error_message":"`+strings.Repeat("NoSuchFile", 30)+`"},"labels":{"order":"`+strings.Repeat("4711", 40)+`"}}`)
	done := s.startTask(t, `{"type":"convert","params":{"file":"cat.png","size":{"width":3}}}`)
	running := s.startTask(t, longTask)
	s.awaitEnd(t, failed)
	s.awaitEnd(t, done)
	for place, shown := range map[string]string{
		"#/tasks": "failed", "#/tasks/" + failed: "NoSuchFile", "#/tasks/" + done: "cat.png", "#/tasks/" + running: "running",
		"#/start": "convert", "#/start/convert": "Labels",
	} {
		c.goTo(place)
		c.says("main", shown)
		for _, theme := range []string{"light", "dark"} {
			c.theme(theme)
			for _, width := range []int64{1280, 360} {
				c.do(chromedp.EmulateViewport(width, 800))
				c.accessible(fmt.Sprintf("%s, %s, %d px", place, theme, width))
			}
			c.fits(place)
		}
	}
	c.goTo("#/tasks")
	c.says("main", "failed")
	c.click(taskRow(done) + ` [data-do="more"]`)
	c.says("dialog", "Retry")
	c.accessible("a dialog")
	c.fits("a dialog")
	c.picture("phone")
}
