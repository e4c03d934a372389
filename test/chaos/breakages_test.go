package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// A breakage is one way in which things go wrong, with what goes on around it.
type breakage struct {
	// name is the row of docs/client-breakages.md, and what that says of it.
	name, what string
	// notIn says why it cannot be brought about in a browser.
	notIn map[string]string
	play  func(w *world)
}

// breakages are all that the table has, in its order.
var breakages = slices.Concat(tabBreakages, networkBreakages, serviceBreakages)

const noFreezing = "WebDriver BiDi cannot freeze a page"

var tabBreakages = []breakage{
	{
		name: "seven tabs over HTTP/1.1", what: "of one origin, to which a browser opens six connections; the seventh cancels a task",
		play: func(w *world) {
			w.begin()
			w.open(7, "")
			w.oneStream()
			w.traffic(6)
			ctx, cancel := w.in()
			defer cancel()
			id := w.startLong(ctx)
			w.number = "cancelled after " + w.cancelIn(6, id) + " ms"
			w.traffic(3)
			w.oneStream()
		},
	},
	{
		name: "a duplicated tab", what: "with a copy of the storage of the tab that it was made from",
		play: func(w *world) {
			w.begin()
			w.open(2, "")
			w.traffic(4)
			ctx, cancel := w.in()
			defer cancel()
			copied, err := w.browser.duplicate(ctx, w.any())
			must(err)
			w.tabs = append(w.tabs, copied)
			w.traffic(4)
			w.awaitEach("open")
			w.oneStream()
		},
	},
	{
		name: "the shared worker is killed", what: "while its tabs show tasks that run; where a browser's protocol cannot do it, the worker ends itself without a word",
		play: func(w *world) {
			w.begin()
			w.open(3, "")
			for range 2 {
				w.traffic(4)
				before := w.resets()
				ctx, cancel := w.in()
				must(w.browser.killWorker(ctx, w.any()))
				cancel()
				w.number = fmt.Sprintf("news again after %s", w.newsAgain(before))
			}
			w.traffic(3)
			w.oneStream()
		},
	},
	{
		name: "the tab that leads is killed", what: "in pages that can have no shared worker: another tab takes the stream over",
		play: func(w *world) {
			w.begin()
			w.open(4, "worker=no")
			for range 2 {
				w.traffic(4)
				i := w.leader()
				ctx, cancel := w.in()
				must(w.tabs[i].kill(ctx))
				cancel()
				w.tabs = slices.Delete(w.tabs, i, i+1)
				w.number = fmt.Sprintf("news again after %s", w.newsAgain(w.resets()))
			}
			w.traffic(3)
			w.oneStream()
		},
	},
	{
		name: "the back/forward cache", what: "a page is left while tasks run, and is come back to, twice",
		play: func(w *world) {
			w.begin()
			w.open(1+w.below(2), w.sharing())
			t := w.any()
			for range 2 {
				w.traffic(4)
				w.eval(t, "setTimeout(() => (location.href = 'other.html'))")
				w.awaitTitle(t, "Another page")
				w.trafficElsewhere(t, 6)
				w.eval(t, "setTimeout(() => history.back())")
				w.awaitTitle(t, "A page of the tests")
				w.awaitState(t, "open")
			}
			w.traffic(3)
			w.number = fmt.Sprintf("%d of 2 from the cache", w.restored())
		},
	},
	{
		name: "ten minutes frozen", what: "by the browser's own freezing, with a clock that is put on by ten minutes, while the log goes beyond what it keeps",
		notIn: map[string]string{"Firefox": noFreezing},
		play: func(w *world) {
			w.begin(history)
			w.open(1+w.below(2), w.sharing())
			t := w.any()
			w.traffic(4)
			w.eval(t, "chaos.freezeFor(600_000)")
			w.freeze(t, true)
			w.trafficElsewhere(t, 6)
			w.passHistory()
			w.freeze(t, false)
			w.traffic(4)
		},
	},
	{
		name: "the browser stands still", what: "all its processes are stopped, as when a laptop sleeps, while the log goes beyond what it keeps",
		play: func(w *world) {
			w.begin(history)
			w.open(2, w.sharing())
			w.traffic(4)
			must(w.browser.signal(syscall.SIGSTOP))
			func() {
				defer func() { must(w.browser.signal(syscall.SIGCONT)) }()
				w.serverTraffic(8)
				w.passHistory()
			}()
			w.traffic(4)
		},
	},
	{
		name: "reload in every state", what: "of the stream and of a task: connecting, open, silent, reconnecting, signed out; starting, cancelling, a result that is fetched",
		play: (*world).reloads,
	},
	{
		name: "log-out in another tab", what: "then somebody else logs in: nothing of the first user is left in any tab",
		play: (*world).logOut,
	},
}

// sharing is a random way to share the stream.
func (w *world) sharing() string {
	n := w.below(3)
	w.apart = n == 2
	return []string{"", "worker=no", "share=none"}[n]
}

// cancelIn cancels a task in one tab, and returns how many milliseconds it took.
func (w *world) cancelIn(i int, id string) string {
	text := w.eval(w.tabs[i], fmt.Sprintf("chaos.cancel(%q).then(JSON.parse).then(({outcome, ms}) => outcome === 'cancelled' ? ms : outcome)", id))
	w.long = slices.DeleteFunc(w.long, func(other string) bool { return other == id })
	var ms int
	if _, err := fmt.Sscan(text, &ms); err != nil {
		panic(violation{[]string{"B10: a cancel had the outcome " + text}})
	}
	return text
}

// leader returns which tab leads.
func (w *world) leader() int {
	found := -1
	err := until(w.ctx, w.patience, func(ctx context.Context) error {
		for i, t := range w.tabs {
			if s, err := w.stateOf(ctx, t); err == nil && s.Sharing == "leader" {
				found = i
				return nil
			}
		}
		return fmt.Errorf("none of %d tabs leads", len(w.tabs))
	})
	if err != nil {
		panic(violation{[]string{"B2: " + err.Error()}})
	}
	return found
}

func (w *world) awaitTitle(t tab, title string) {
	must(until(w.ctx, waitLimit, func(ctx context.Context) error {
		got, err := t.eval(ctx, "document.title")
		if err == nil && got != title {
			err = fmt.Errorf("the tab shows %q, want %q", got, title)
		}
		return err
	}))
}

func (w *world) freeze(t tab, frozen bool) {
	ctx, cancel := w.in()
	defer cancel()
	must(t.freeze(ctx, frozen))
}

// trafficElsewhere is traffic without what a tab does, which cannot do anything now.
func (w *world) trafficElsewhere(away tab, steps int) {
	all := w.tabs
	defer func() { w.tabs = all }()
	w.tabs = slices.DeleteFunc(slices.Clone(all), func(t tab) bool { return t == away })
	w.serverTraffic(steps)
}

// serverTraffic is traffic in which tabs that are there do something only.
func (w *world) serverTraffic(steps int) {
	tabs := w.tabs
	w.tabs = nil
	w.traffic(steps)
	w.tabs = tabs
}

// reload loads a tab's page again.
func (w *world) reload(t tab) {
	ctx, cancel := w.in()
	defer cancel()
	must(t.reload(ctx))
}

// untilSilent breaks streams and waits until a browser has given one up.
func (w *world) untilSilent(kind string) {
	w.awaitPace()
	before := w.site.begun.Load()
	w.site.breakNow(kind)
	w.traffic(1)
	err := until(w.ctx, w.patience, func(context.Context) error {
		if w.site.begun.Load() == before {
			return errors.New("no stream was opened anew")
		}
		return nil
	})
	if err != nil {
		panic(violation{[]string{"B6: " + err.Error()}})
	}
}

func (w *world) cutNow() {
	w.site.cut()
	w.pause(time.Duration(w.below(300)) * time.Millisecond)
}
