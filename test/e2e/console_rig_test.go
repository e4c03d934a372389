package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// console is a tab that shows the console. What the page's policy forbids, what fails in it,
// and requests to other hosts fail the test.
type console struct {
	context.Context //nolint:containedctx // it is the tab

	t   *testing.T
	url string
}

// openConsole opens a place of the console, such as "#/tasks", in a new browser.
func openConsole(t *testing.T, service, place string) *console {
	t.Helper()
	c := &console{Context: openTabs(t, 1, "about:blank")[0], t: t, url: service}
	c.watch()
	c.do(chromedp.EmulateViewport(1280, 900))
	c.open(place)
	return c
}

// second opens a place in another tab of the same browser.
func (c *console) second(place string) *console {
	c.t.Helper()
	tab, closeTab := chromedp.NewContext(c.Context)
	c.t.Cleanup(closeTab)
	other := &console{Context: tab, t: c.t, url: c.url}
	other.watch()
	other.open(place)
	return other
}

// watch has everything fail the test that a page must not do.
func (c *console) watch() {
	c.t.Helper()
	var mu sync.Mutex
	var faults []string
	err := chromedp.Listen(c, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		if fault := c.faultOf(event); fault != "" {
			faults = append(faults, fault)
		}
	})
	if err != nil {
		c.t.Fatalf("the browser (chromium is needed in PATH): %v", err)
	}
	c.t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, fault := range faults {
			c.t.Error("W: " + fault)
		}
	})
	const report = `addEventListener('securitypolicyviolation', (e) => console.error('violates ' + e.violatedDirective + ': ' + (e.sample || e.blockedURI)))`
	do(c, c.t, network.Enable, network.EnableParams{})
	do(c, c.t, log.Enable, cdp.Empty{})
	do(c, c.t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: report + "\n" + noteShown})
}

// noteShown has a page say which place it shows: it learns a moment later where it is to be.
const noteShown = `globalThis.shownPlace = location.hash; addEventListener('hashchange', () => (globalThis.shownPlace = location.hash))`

// faultOf returns what is wrong about an event of the browser's, or "".
func (c *console) faultOf(event any) string {
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(event.Request.URL); err != nil || "http://"+u.Host != c.url && u.Scheme != "data" && u.Scheme != "about" {
			return "a request to another host: " + event.Request.URL
		}
	case *runtime.EventExceptionThrown:
		return "an exception: " + fmt.Sprint(event.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError && len(event.Args) > 0 {
			return "console.error: " + string(event.Args[0].Value)
		}
	case *log.EventEntryAdded:
		if s := event.Entry.Source; s == log.EntrySourceSecurity || s == log.EntrySourceViolation || s == log.EntrySourceJavascript {
			return fmt.Sprintf("%s: %s", s, event.Entry.Text)
		}
	}
	return ""
}

// do runs a command of the browser's protocol in a tab.
func do[P, R any](tab context.Context, t *testing.T, command cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(tab, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// open loads the console at a place.
func (c *console) open(place string) {
	c.t.Helper()
	c.do(chromedp.Navigate("about:blank"), chromedp.Navigate(c.url+"/"+place))
}

// goTo changes the place, as a link does, and waits until the page shows it.
func (c *console) goTo(place string) {
	c.t.Helper()
	c.eval(fmt.Sprintf("location.hash = %q", place))
	eventually(c.t, "the page is at "+place, func() bool { return c.eval("shownPlace === location.hash") == "true" })
}

func (c *console) do(steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c, waitLimit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		body, _ := chromedp.Run(c, chromedp.Evaluate[string]("document.body.innerText"))
		c.t.Fatalf("%v; the page says:\n%s", err, body)
	}
}

// eval returns what a script returns, as text.
func (c *console) eval(script string) string {
	c.t.Helper()
	value, err := c.tryEval(script)
	if err != nil {
		c.t.Fatalf("%s: %v", script, err)
	}
	return value
}

// tryEval is eval for a page that may be loaded anew meanwhile.
func (c *console) tryEval(script string) (string, error) {
	return chromedp.Run(c, chromedp.Evaluate[string](fmt.Sprintf("(async () => String(await (%s)))()", script), chromedp.EvalAwaitPromise))
}

// shows waits until the page has an element for the selector.
func (c *console) shows(selector string) {
	c.t.Helper()
	mustShow(c.t, []context.Context{c}, selector)
}

// says waits until an element that is seen has the text.
func (c *console) says(selector, text string) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%s says %q", selector, text), func() bool {
		said, err := c.tryEval(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.textContent.includes(%q))", selector, text))
		return err == nil && said == "true"
	})
}

func (c *console) click(selector string) {
	c.t.Helper()
	c.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses keys, one after the other.
func (c *console) press(keys ...string) {
	c.t.Helper()
	for _, key := range keys {
		c.do(chromedp.KeyEvent(key))
	}
}

// enter puts a text into a field, in place of what it has, and presses keys behind it.
func (c *console) enter(selector, text string, keys ...string) {
	c.t.Helper()
	c.shows(selector)
	c.eval(fmt.Sprintf("((field) => { field.focus(); field.select?.(); })(document.querySelector(%q))", selector))
	do(c, c.t, input.InsertText, input.InsertTextParams{Text: text})
	c.press(keys...)
}

// field returns the selector of the field with a label.
func (c *console) field(label string) string {
	c.t.Helper()
	c.says("label", label)
	return "#" + c.eval(fmt.Sprintf("[...document.querySelectorAll('label')].find((l) => l.firstChild.textContent === %q).htmlFor", label))
}

// json puts a text into the field for JSON.
func (c *console) json(text string) {
	c.t.Helper()
	c.shows("#params-json")
	c.eval(fmt.Sprintf("((json) => { json.value = %q; json.dispatchEvent(new Event('input')); })(document.querySelector('#params-json'))", text))
}

// place returns the hash of what the page shows.
func (c *console) place() string {
	c.t.Helper()
	return c.eval("shownPlace")
}

// isAt waits until the page shows what has the hash.
func (c *console) isAt(place string) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			c.t.Logf("the console is at %s, with the focus in %s", c.place(), c.eval("document.activeElement.outerHTML.slice(0, 200) + ': ' + document.activeElement.value"))
		}
	}()
	eventually(c.t, "the console is at "+place, func() bool { return c.place() == place })
}

// taskRow is the selector of a task's row.
func taskRow(id string) string { return fmt.Sprintf("tr[data-key=%q]", id) }

// theme has the page be light or dark, as the system says.
func (c *console) theme(name string) {
	c.t.Helper()
	do(c, c.t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

// accessible runs axe-core on what is shown.
func (c *console) accessible(what string) {
	c.t.Helper()
	script, err := os.ReadFile("../../adapters/inbound/webclient/node_modules/axe-core/axe.min.js")
	if err != nil {
		if os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
			c.t.Fatalf("axe-core is not installed: %v", err)
		}
		c.t.Skip("SKIPPED: the packages of the client library are not installed, so nothing checks whether the console is accessible")
	}
	if c.eval("typeof axe") == "undefined" {
		c.do(chromedp.Evaluate[chromedp.Void](string(script)))
	}
	found := c.eval(`axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations.map(({id, help, nodes}) =>
		id + ': ' + help + '\n' + nodes.map((n) => '    ' + n.html.slice(0, 160) + '\n    ' + n.failureSummary.replaceAll('\n', ' ')).join('\n')).join('\n'))`)
	if found != "" {
		c.t.Errorf("W: axe finds on %s:\n%s", what, found)
	}
}

// fits fails if something has to be scrolled sideways.
func (c *console) fits(what string) {
	c.t.Helper()
	if over := c.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth"); over != "0" {
		wide := c.eval(`[...document.querySelectorAll('main *, .top *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll')).slice(0, 5).map((e) => e.outerHTML.slice(0, 100)).join('\n')`)
		c.t.Errorf("W: %s is %s px too wide at 360 px:\n%s", what, over, wide)
	}
}

// screenshots is the folder that screenshots for the docs are written to; "" is none.
var screenshots = os.Getenv("CONSOLE_SCREENSHOTS") //nolint:forbidigo // the tests of CI write none

// picture writes a screenshot, if they are asked for.
func (c *console) picture(name string) {
	c.t.Helper()
	if screenshots == "" {
		return
	}
	image, err := chromedp.Run(c, chromedp.CaptureScreenshot())
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), image, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// awaitEnd waits until a task has ended.
func (s *service) awaitEnd(t *testing.T, id string) {
	t.Helper()
	eventually(t, "the task has ended", func() bool { return s.status(t, id).Status != "pending" && s.status(t, id).Status != "running" })
}
