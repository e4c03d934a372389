package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A task's page has all that is known of it, live.
func TestTheConsoleShowsOneTask(t *testing.T) { // W3
	t.Parallel()
	s := start(t, consoleTypes)
	id := s.startTask(t, `{"type":"convert","params":{"file":"cat.png","size":{"width":3}},"labels":{"order":"4711"}}`)
	c := openConsole(t, s.url, "#/tasks/"+id)
	c.do(chromedp.EmulateViewport(1280, 1400))
	c.says("h1", "convert "+id[:8])
	c.says(".output", "reading cat.png")
	c.says("main .badge", "completed")
	c.says(".output", "writing")
	c.says(".tree", `"cat.png"`)
	c.says(".label", "order:4711")
	c.says(".facts", "Node")
	c.says("section h2", "Result")
	if events := c.eval("document.querySelectorAll('table')[1].querySelectorAll('tbody tr').length"); events == "0" {
		t.Error("W3: there are no events")
	}
	c.picture("task")

	failed := s.startTask(t, `{"type":"flaky"}`)
	c.goTo("#/tasks/" + failed)
	c.says("main .badge", "failed")
	c.says("pre.long", "There is no price list of that name.")
	c.says("table", "NO_LIST: There is no price list of that name.")
	c.says("table", "2")
	c.click(`[data-do="retry"]`)
	c.says(".said", "Started again")
	c.click(".said a")
	c.says("h1", "flaky")
	if c.place() == "#/tasks/"+failed {
		t.Error("W3: the link leads to the task that has failed")
	}
	c.press(kb.Escape)
	c.isAt("#/tasks")
	c.goTo("#/tasks/" + unknownID)
	c.says(".trouble", "There is no such task")
}

// A task goes on, ends and is removed while its page is open.
func TestTheConsolesPageOfATaskIsLive(t *testing.T) { // W3
	t.Parallel()
	s := start(t)
	id := s.startTask(t, longTask)
	c := openConsole(t, s.url, "#/tasks/"+id)
	c.says("main .badge", "running")
	c.shows("main progress[value]")
	c.says("table", "task_started")
	c.says("table", "progress_update")
	c.shows("svg.chart path.line")
	c.press("c")
	c.says("main .badge", "cancelled")
	c.says("table", "task_cancelled")
	c.press("x")
	c.says("dialog", "Remove this task?")
	c.click("dialog .danger")
	c.isAt("#/tasks")
}

// The form of a type is made of its schema, and JSON beside it says the same.
func TestTheConsoleStartsTasks(t *testing.T) { // W4
	t.Parallel()
	s := start(t, consoleTypes)
	c := openConsole(t, s.url, "#/start")
	c.do(chromedp.EmulateViewport(1280, 1400))
	c.says("li", "Converts a picture")
	c.click(`a[href="#/start/convert"]`)
	c.says("label", "file")
	c.says("label .note", "required")
	c.says(".field .note", "1 to 100 · 80 if it is left out")
	c.click("button[type=submit]")
	c.says(".field-error", "It is required.")
	if focused := c.eval("document.activeElement === document.querySelector('.fields [aria-invalid]')"); focused != "true" {
		t.Error("W4: the field that is wrong does not have the focus")
	}
	file := c.field("file")
	c.enter(file, "Cat.gif")
	c.click("button[type=submit]")
	c.says(".field-error", `It must be like ^[a-z]+\.png$.`)
	c.enter(file, "cat.png")
	c.enter(c.field("width"), "12")
	c.click(`button[aria-label="Add to tags"]`)
	c.enter(".entries input", "old")
	eventually(t, "the JSON says the same", func() bool {
		return c.eval("(({file, size, tags}) => [file, size?.width, tags])(JSON.parse(document.querySelector('#params-json').value))") == "cat.png,12,old"
	})
	c.click("details:has(.command) summary")
	c.says(".command", `"params":{"file":"cat.png"`)
	c.picture("start")
	c.json(`{"file": "dog.png", "quality": 7, "other": 1}`)
	eventually(t, "the form says the same", func() bool { return c.eval(fmt.Sprintf("document.querySelector(%q).value", file)) == "dog.png" })
	c.enter("#labels", "order:4711")
	c.click("button[type=submit]")
	c.says(".trouble", "other")
	c.json(`{"file": "dog.png", "quality": 101}`)
	c.click("button[type=submit]")
	c.says(".field-error", "It must be 1 to 100.")
	c.json(`{"file": "dog.png", "quality": 7}`)
	c.click("button[type=submit]")
	eventually(t, "the page of the task is open", func() bool { return strings.HasPrefix(c.place(), "#/tasks/") })
	id := strings.TrimPrefix(c.place(), "#/tasks/")
	c.says(".tree", `"dog.png"`)
	s.awaitEnd(t, id)

	c.click(`[data-do="edit"]`)
	c.isAt("#/start/convert?from=" + id)
	eventually(t, "the form has its params", func() bool {
		return c.eval(fmt.Sprintf("document.querySelector(%q)?.value", c.field("file"))) == "dog.png"
	})
	if labels := c.eval("document.querySelector('#labels').value"); labels != "order:4711" {
		t.Errorf("W2: the labels are %q", labels)
	}
	c.enter(c.field("file"), "emu.png")
	c.click("button[type=submit]")
	c.says(".tree", `"emu.png"`)
}

// What the service says is wrong stands at the field.
func TestTheConsoleSaysAtTheFieldWhatTheServiceSays(t *testing.T) { // W4
	t.Parallel()
	s := start(t)
	c := openConsole(t, s.url, "#/start/demo_task")
	c.enter(c.field("steps"), "12345", kb.Tab)
	c.says(".field-error", "It must be 0 to 10000.")
	c.json(`{"message": {"a": 1}}`)
	c.click("button[type=submit]")
	c.says(".field-error", "message")
}
