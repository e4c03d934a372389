package e2e_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"heliograph/test/natsserver"
)

// An operator sees which node is gone, and how: by a word, or without one.
func TestTheConsoleSaysWhichNodeIsGone(t *testing.T) { // W6, W7
	t.Parallel()
	nats := natsserver.Start(t)
	node := func(name string) *service {
		return start(t, "NATS_URL="+nats.URL(), "NODE_NAME="+name, "NODE_LEASE=1s", versionless)
	}
	one, two, three := node("one"), node("two"), node("three")
	three.stream(t, "far-away").awaitNamed(t, "task_snapshot")
	c := openConsole(t, one.url, "#/nodes")
	for _, name := range []string{"one", "two", "three"} {
		c.says(`tr[data-key="`+name+`"]`, "ready")
	}
	c.click(`tr[data-key="three"] a`)
	c.isAt("#/connections?node=three")
	c.says("tbody tr", "far-away")
	c.says("main", "1 open stream.")

	two.terminate(t)
	three.kill(t)
	c.goTo("#/nodes")
	c.says(`tr[data-key="two"]`, "stopped")
	c.says(`tr[data-key="three"]`, "gone without a word")
	c.goTo("#/connections/far-away")
	c.says(".finding", "node gone")
	one.mustExplain(t, "NODE_GONE", "far-away", "")
}

// Of a task that one browser did not see the console says why, when it is told which.
func TestTheConsoleSaysWhyATaskWasNotSeen(t *testing.T) { // W6, A12
	t.Parallel()
	s := start(t, consoleTypes, versionless)
	s.stream(t, "inside").awaitNamed(t, "task_snapshot")
	s.stream(t, "outside").awaitNamed(t, "task_snapshot")
	id := s.startTask(t, `{"type":"demo_task","params":{"steps":1,"delay":0},"audience":{"request_ids":["inside"]}}`)
	s.awaitEnd(t, id)
	c := openConsole(t, s.url, "#/connections/outside")
	c.says("main", "Nothing is wrong")
	c.enter("[data-search]", id, kb.Enter)
	c.isAt("#/connections/outside?missed=" + id)
	c.says(".finding", "other audience")
	c.accessible("a connection with an event that it missed")
	c.goTo("#/connections/inside?missed=" + id)
	c.says(".finding", "event written")
	c.goTo("#/connections/inside?missed=0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77")
	c.says(".note", "The log has no event of this task")
}

// A task that begins to wait while the list is open has its labels there, and is found by them; a dialog
// goes with the page that it was about.
func TestTheConsoleKnowsTheLabelsOfTasksThatWait(t *testing.T) { // W2, T16
	t.Parallel()
	s := start(t, retryingFile(t), versionless)
	all := openConsole(t, s.url, "#/tasks")
	some := all.second("#/tasks?label=order:4711")
	all.says("h2", "Nothing has run yet")
	some.says(".note", "No task matches.")
	id := s.startTask(t, `{"type":"elsewhere","labels":{"order":"4711"}}`)
	s.must(t, http.StatusAccepted, "POST", "/api/tasks", `{"type":"elsewhere","labels":{"order":"4712"}}`)
	all.says(taskRow(id), "order:4711")
	some.says(taskRow(id), "order:4711")
	if n := some.eval("document.querySelectorAll('tbody tr').length"); n != "1" {
		t.Errorf("%s tasks have the label, want 1", n)
	}
	some.click(taskRow(id) + ` [data-do="more"]`)
	some.says("dialog", "since")
	some.goTo("#/nodes")
	some.shows("body:not(:has(dialog))")
}

// Behind an external gateway there is no stream here: the console says so, and asks again and again.
func TestTheConsoleWithoutAStreamAsksAgainAndAgain(t *testing.T) { // W2, W3
	t.Parallel()
	s := startExternal(t, "TASK_MAX_WORKERS=8", versionless)
	c := openConsole(t, s.url, "#/tasks")
	c.says(".stream", "streams are at an external gateway")
	c.says("h2", "Nothing has run yet")
	id := s.startTask(t, longTask)
	c.says(taskRow(id), "running")
	c.says(`.tabs [data-state="running"] .count`, "1")
	c.goTo("#/tasks?status=running")
	c.says(taskRow(id), "running")
	c.press("p")
	s.must(t, http.StatusOK, "POST", "/api/tasks/"+id+"/cancel", "")
	s.awaitEnd(t, id)
	other := c.second("#/tasks/" + id)
	other.says("main .badge", "cancelled")
	c.says(taskRow(id), "running") // it is paused
	c.press("p")
	c.shows("main:not(:has(" + taskRow(id) + "))")
	c.accessible("a list that is not live")
	c.fits("a list that is not live")

	next := s.startTask(t, `{"type":"demo_task","params":{"steps":3,"delay":1}}`)
	c.goTo("#/tasks/" + next)
	c.says("main .badge", "running")
	c.says("main .badge", "completed")
	c.says("main", "Result")
	c.says("tbody tr", "task_completed")
	c.clickText("Retry")
	c.says(".said", "Started again")
}
