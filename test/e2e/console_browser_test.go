package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// consoleTypes names types of tasks with params of all kinds.
const consoleTypes = "TASKS_FILE=testdata/console.yaml"

// Who opens the address that the README names sees what to do, does it with one click, and
// sees it move, in every tab.
func TestTheConsoleShowsANewcomerSomethingThatMoves(t *testing.T) { // W1, W2
	t.Parallel()
	s := start(t)
	c := openConsole(t, s.url, "")
	c.says("h2", "Nothing has run yet")
	c.says("pre", `curl -X POST '`+s.url+`/api/tasks'`)
	c.picture("first-run")
	c.click("[data-demo]")
	c.says("tbody tr", "running")
	c.says("tbody tr .says", "Step")
	second := c.second("")
	second.says("tbody tr", "demo_task")
	c.says("h2", "It moves")
	c.says("tbody tr", "completed")
	second.says("tbody tr", "completed")
	if got := s.scrape(t)[active]; got != 1 {
		t.Errorf("B2: two tabs of the console have %v streams, want 1", got)
	}
}

// The table is live, its filters are in the URL, and what can be done with a task is there.
func TestTheConsoleShowsAndChangesTasks(t *testing.T) { // W2
	t.Parallel()
	s := start(t, "TASK_MAX_WORKERS=8")
	failing := s.startTask(t, `{"type":"failing_task","params":{"error_message":"No such file"},"labels":{"order":"4711"}}`)
	s.awaitEnd(t, failing)
	long := s.startTask(t, longTask)
	done := s.startTask(t, quickTask)
	s.awaitEnd(t, done)
	c := openConsole(t, s.url, "#/tasks")
	c.says(taskRow(failing), "No such file")
	c.says(taskRow(long), "running")
	c.says(taskRow(done), "completed")
	c.says(`.tabs [data-state="failed"] .count`, "1")
	c.says(`.tabs [data-state=""] .count`, "3")
	if got := c.eval("document.querySelector('tbody tr').dataset.key"); got != done {
		t.Errorf("the newest task is not the first")
	}

	c.press("f")
	c.isAt("#/tasks?order=failed")
	c.shows(`tbody tr:first-child[data-key="` + failing + `"]`)
	c.picture("tasks")
	c.click(`.tabs [data-state="failed"]`)
	c.isAt("#/tasks?status=failed&order=failed")
	c.shows(`tbody:not(:has(` + taskRow(done) + `))`)
	c.open("#/tasks?label=order:4711") // a link that somebody was sent
	c.says(taskRow(failing), "failed")
	c.shows(`tbody:not(:has(` + taskRow(done) + `))`)
	c.enter("[data-search]", strings.ToUpper(long), kb.Enter)
	c.isAt("#/tasks/" + long)

	c.goTo("#/tasks")
	c.says(taskRow(long), "running")
	c.press("p")
	c.click(taskRow(long) + ` [data-do="cancel"]`)
	eventually(t, "it is cancelled", func() bool { return s.status(t, long).Status == "cancelled" })
	if !strings.Contains(c.eval(fmt.Sprintf("document.querySelector('%s').textContent", taskRow(long))), "running") {
		t.Error("the table changes while it is paused")
	}
	c.press("p")
	c.says(taskRow(long), "cancelled")

	c.click(taskRow(failing) + ` [data-do="retry"]`)
	c.says(".said", "Started again")
	c.says(`.tabs [data-state="failed"] .count`, "2")
	c.click(taskRow(failing) + ` [data-do="more"]`)
	c.click(`dialog button:nth-child(4)`) // copy as curl
	c.says(".said", "Copied")
	c.click(taskRow(failing) + ` [data-do="more"]`)
	c.click(`dialog button:nth-child(3)`) // remove
	c.says("dialog", "gone then")
	c.click("dialog .danger")
	c.shows(`tbody:not(:has(` + taskRow(failing) + `))`)
	s.must(t, http.StatusNotFound, "GET", "/api/tasks/"+failing, "")
}

// All tasks that match can be cancelled, repeated and removed together, after a question.
func TestTheConsoleChangesAllTasksThatMatch(t *testing.T) { // W2
	t.Parallel()
	s := start(t, "TASK_MAX_WORKERS=2")
	for range 3 {
		s.awaitEnd(t, s.startTask(t, `{"type":"failing_task"}`))
	}
	var ids []string
	for range 5 {
		ids = append(ids, s.startTask(t, `{"type":"long_running_task","params":{"total_time":600},"labels":{"batch":"a"}}`))
	}
	other := s.startTask(t, longTask)
	c := openConsole(t, s.url, "#/tasks?label=batch:a")
	c.says(`.tabs [data-state="pending"] .count`, "3")
	c.click("[data-bulk]")
	c.says("dialog h2", "with batch:a")
	c.says("dialog button", "Cancel 5 unfinished")
	c.click("dialog .actions button")
	c.says("dialog", "5 tasks now. This cannot be taken back.")
	c.click("dialog [data-yes]")
	c.says("dialog", "5 tasks were cancelled, or asked to stop.")
	for _, id := range ids {
		eventually(t, "it is cancelled", func() bool { return s.status(t, id).Status == "cancelled" })
	}
	if got := s.status(t, other).Status; got == "cancelled" {
		t.Error("a task that does not match is cancelled")
	}
	c.press(kb.Escape)
	c.goTo("#/tasks?status=failed")
	c.says(`.tabs [data-state="failed"] .count`, "3")
	c.click("[data-bulk]")
	c.click("dialog .actions button:nth-child(2)")
	c.click("dialog [data-yes]")
	c.says("dialog", "3 tasks started again.")
	c.press(kb.Escape)
	c.says(`.tabs [data-state="failed"] .count`, "6")
	c.click("[data-bulk]")
	c.click("dialog .actions button:nth-child(3)")
	c.click("dialog [data-yes]")
	c.says("dialog", "6 tasks removed.")
	c.press(kb.Escape)
	c.says(`.tabs [data-state="failed"] .count`, "0")
}

// With more tasks than a page has, each task is on one page, also when old ones have not ended.
func TestTheConsoleShowsManyTasksInPages(t *testing.T) { // W2
	t.Parallel()
	s := start(t, "TASK_MAX_WORKERS=4", "TASK_QUEUE_SIZE=1000")
	want := map[string]bool{}
	for i := range 250 {
		body := `{"type":"demo_task","params":{"steps":0}}`
		if i%100 == 0 {
			body = longTask
		}
		want[s.startTask(t, body)] = true
	}
	eventually(t, "all but the long ones have ended", func() bool {
		return strings.Contains(string(s.must(t, http.StatusOK, "GET", "/api/tasks?limit=1&include=counts", "").body), `"completed":247`)
	})
	c := openConsole(t, s.url, "#/tasks")
	for page, rows := range []string{"100", "100", "50"} {
		c.says(".pager", fmt.Sprintf("Page %d", page+1))
		eventually(t, "the page is full", func() bool { return c.eval("document.querySelectorAll('tbody tr').length") == rows })
		for id := range strings.SplitSeq(c.eval("[...document.querySelectorAll('tbody tr')].map((row) => row.dataset.key)"), ",") {
			if !want[id] {
				t.Errorf("page %d has %s, which was on a page before, or is none", page+1, id)
			}
			delete(want, id)
		}
		if page < 2 {
			c.press("n")
			c.isAt(fmt.Sprintf("#/tasks?page=%d", page+2))
		}
	}
	if len(want) > 0 {
		t.Errorf("%d tasks are on no page", len(want))
	}
	c.press("b")
	c.isAt("#/tasks?page=2")
	c.open("#/tasks?status=running")
	c.says("tbody tr", "long_running_task")
	if got := c.eval("document.querySelectorAll('tbody tr').length"); got != "3" {
		t.Errorf("%s tasks run, want 3", got)
	}
}
