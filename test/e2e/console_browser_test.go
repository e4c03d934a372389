package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// Who opens the address that the README names sees what to do, does it with one click, and
// sees it move, in every tab.
func TestTheConsoleShowsANewcomerSomethingThatMoves(t *testing.T) { // W1, W2
	t.Parallel()
	s := start(t)
	c := openConsole(t, s.url, "")
	c.do(chromedp.EmulateViewport(1280, 800))
	c.says("h2", "Nothing has run yet")
	c.says("pre", `curl -X POST '`+s.url+`/api/tasks'`)
	c.picture("first-run")
	c.click("[data-demo]")
	c.says("tbody tr", "running")
	c.says("tbody tr .says", "Step")
	second := c.second("")
	second.says("tbody tr", "running")
	c.says("h2", "It moves")
	c.picture("first-task")
	c.says("tbody tr", "completed")
	second.says("tbody tr", "completed")
	if got := s.scrape(t)[active]; got != 1 {
		t.Errorf("B2: two tabs of the console have %v streams, want 1", got)
	}
}
