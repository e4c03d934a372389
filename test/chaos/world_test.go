package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/test/chaos/check"
	"heliograph/test/clientbundle"
)

// waitLimit is for what must happen in the end, on a machine that is busy.
const waitLimit = 60 * time.Second

// world is what one breakage is played with: a service, a site before it, and tabs.
type world struct {
	t       *testing.T
	ctx     context.Context //nolint:containedctx // that of the test
	name    string          // of the browser
	browser browser
	seed    uint64
	random  *rand.Rand
	site    *site
	service *service // the node that says what is true
	tabs    []tab
	// patience is how long to wait for what must happen in the end.
	patience time.Duration
	// mutation is what is taken out of the library, if anything.
	mutation []clientbundle.Mutation
	library  map[string][]byte // of that

	long   []string // tasks that run until they are cancelled
	output *printer // the task that prints, if there is one
	events int
	apart  bool   // each tab has a stream of its own
	number string // what was measured, for the table
}

// violation ends a play: a promise was not kept.
type violation struct{ faults []string }

// trouble ends a play: the harness itself could not go on.
type trouble struct{ error }

// must ends the play if the harness cannot go on.
func must(err error) {
	if err != nil {
		panic(trouble{err})
	}
}

func (w *world) below(n int) int { return w.random.IntN(n) }

// begin starts the service and the site before it.
func (w *world) begin(env ...string) {
	w.t.Helper()
	w.service = newService(w.t, env...)
	w.site = newSite(w.t, w.service.url, w.seed)
	if w.library == nil {
		w.library = map[string][]byte{}
		for _, name := range []string{"client.js", "worker.js"} {
			script, err := w.service.script(w.ctx, name)
			must(err)
			w.library[name] = script
		}
	}
	w.site.deploy(w.library)
}

// state is what a page says of itself.
type state struct {
	Life, State, Sharing, Error, Version string
	Stale                                bool
	Unanswered, Reading, Event, Resets   int
	Pace                                 bool
}

// in bounds one step with a browser.
func (w *world) in() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.ctx, waitLimit)
}

func (w *world) page(query string) string { return w.site.url + "/page.html?" + query }

// open opens n more tabs, and returns once each has its stream.
func (w *world) open(n int, query string) { w.openUntil(n, query, "open") }

// openUntil opens n more tabs, and returns once the stream of each is in one of these states.
func (w *world) openUntil(n int, query string, states ...string) {
	for range n {
		ctx, cancel := w.in()
		t, err := w.browser.open(ctx)
		if err == nil {
			w.tabs = append(w.tabs, t)
			err = t.navigate(ctx, w.page(query))
		}
		cancel()
		must(err)
	}
	for _, t := range w.tabs[len(w.tabs)-n:] {
		w.awaitState(t, states...)
	}
}

func (w *world) leave() {
	for _, t := range w.tabs {
		ctx, cancel := w.in()
		_ = t.close(ctx)
		cancel()
	}
}

// eval evaluates an expression in a tab.
func (w *world) eval(t tab, expression string) string {
	if strings.HasPrefix(expression, "chaos.") { // the page may not be there yet
		w.await(t, "the page is there", func(state) bool { return true })
	}
	ctx, cancel := w.in()
	defer cancel()
	text, err := t.eval(ctx, expression)
	if err != nil {
		must(fmt.Errorf("%s: %w", expression, err))
	}
	return text
}

// stateOf returns what a tab says of itself; an error means that it shows no page of ours yet.
func (w *world) stateOf(ctx context.Context, t tab) (s state, err error) {
	text, err := t.eval(ctx, "chaos.state()")
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

// await waits until a tab says of itself what must hold in the end.
func (w *world) await(t tab, what string, holds func(state) bool) state {
	var last state
	err := until(w.ctx, w.patience, func(ctx context.Context) (err error) {
		if last, err = w.stateOf(ctx, t); err == nil && !holds(last) {
			err = fmt.Errorf("it says %+v", last)
		}
		return err
	})
	if err != nil {
		panic(violation{[]string{what + ": " + err.Error()}})
	}
	return last
}

func (w *world) awaitState(t tab, states ...string) state {
	return w.await(t, "the stream becomes "+strings.Join(states, " or "), func(s state) bool { return slices.Contains(states, s.State) })
}

// awaitEach waits until each tab's stream is in one of these states.
func (w *world) awaitEach(states ...string) {
	for _, t := range w.tabs {
		w.awaitState(t, states...)
	}
}

// any returns one of the tabs.
func (w *world) any() tab { return w.tabs[w.below(len(w.tabs))] }

// pause lets some time pass in which everything goes on.
func (w *world) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.ctx.Done():
	}
}

// traffic does so many things that users and servers do, at random; whether the service
// answers does not matter.
func (w *world) traffic(steps int) {
	for range steps {
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		w.step(ctx)
		cancel()
		w.pause(time.Duration(10+w.below(120)) * time.Millisecond)
	}
}

func (w *world) step(ctx context.Context) {
	what := w.below(10)
	if len(w.tabs) == 0 && (what == 5 || what == 6) {
		what = 0
	}
	switch what {
	case 0, 1, 2:
		_, _ = w.service.startTask(ctx, "demo_task", w.demo())
	case 3:
		_, _ = w.service.startTask(ctx, "failing_task", map[string]any{"error_message": "no disk", "delay": 0.02 + w.random.Float64()/2})
	case 4:
		w.startLong(ctx)
	case 5, 6:
		params, err := json.Marshal(w.demo())
		must(err)
		_, _ = w.any().eval(ctx, fmt.Sprintf("chaos.start('demo_task', %s)", params))
	case 7, 8:
		w.publish(ctx, 0)
	case 9:
		if len(w.long) > 0 {
			w.cancel(ctx, w.long[w.below(len(w.long))])
		}
	}
}

func (w *world) demo() map[string]any {
	params := map[string]any{"steps": w.below(8), "delay": 0.01 + 0.1*w.random.Float64()}
	if w.below(8) == 0 {
		params["message"] = strings.Repeat("large ", 15_000) // its result is not in the stream
	}
	return params
}

// startLong starts a task that runs until it is cancelled, and returns its ID or "".
func (w *world) startLong(ctx context.Context) string {
	id, err := w.service.startTask(ctx, "long_running_task", map[string]any{"total_time": 600, "check_interval": 0.2})
	if err == nil {
		w.long = append(w.long, id)
	}
	return id
}

func (w *world) cancel(ctx context.Context, id string) {
	w.long = slices.DeleteFunc(w.long, func(other string) bool { return other == id })
	_, _ = w.service.ask(ctx, "POST", "/api/tasks/"+id+"/cancel", nil, nil)
}

// publish sends an event of the application's own, with so many bytes beside its number.
func (w *world) publish(ctx context.Context, bytes int) {
	_, err := w.service.ask(ctx, "POST", "/api/events", map[string]any{"name": "count", "data": map[string]any{"n": w.events + 1, "fill": strings.Repeat("x", bytes)}}, nil)
	if err == nil {
		w.events++
	}
}

// passHistory publishes more than the log keeps if SSE_HISTORY_BYTES is history, so that nobody
// can go on from where it was.
func (w *world) passHistory() {
	for range 12 {
		ctx, cancel := w.in()
		w.publish(ctx, 50_000)
		cancel()
	}
}

const history = "SSE_HISTORY_BYTES=256KiB"

// newsAgain publishes an event and returns how long it took until each tab had it, or was told
// that it may have missed some.
func (w *world) newsAgain(before []int) time.Duration {
	begin := time.Now()
	ctx, cancel := w.in()
	w.publish(ctx, 0)
	cancel()
	for i, t := range w.tabs {
		w.await(t, "an event arrives", func(s state) bool { return s.Event >= w.events || s.Resets > before[i] })
	}
	return time.Since(begin).Round(time.Millisecond)
}

// resets returns how many times each tab was told that it may have missed events.
func (w *world) resets() []int {
	all := make([]int, len(w.tabs))
	for i, t := range w.tabs {
		all[i] = w.await(t, "the page is there", func(state) bool { return true }).Resets
	}
	return all
}

// settle repairs everything, waits until every tab says what the service says, and looks
// through all that was shown.
func (w *world) settle() {
	w.site.repair()
	_, err := w.service.ask(w.ctx, "POST", "/api/tasks/cancel?type=long_running_task", nil, nil)
	must(err)
	begin := time.Now()
	for _, t := range w.tabs {
		w.await(t, "starts are answered", func(s state) bool { return s.Unanswered == 0 })
		w.await(t, "what a task prints comes to its end", func(s state) bool { return s.Reading == 0 })
	}
	var truth check.Service
	must(until(w.ctx, waitLimit, func(ctx context.Context) (err error) {
		truth, err = w.service.tasks(ctx)
		if w.output != nil && err == nil {
			task := truth[w.output.id]
			task.Output = w.output.printed.String()
			truth[w.output.id] = task
		}
		for id, task := range truth {
			if err == nil && !check.HasEnded(task.Status) {
				err = fmt.Errorf("%s is %s", id, task.Status)
			}
		}
		return err
	}))
	var faults []string
	_ = until(w.ctx, w.patience, func(ctx context.Context) error {
		now := w.differences(ctx, truth)
		if ctx.Err() == nil { // otherwise the limit broke it off
			faults = now
		}
		if len(now) > 0 {
			return errors.New("not yet")
		}
		return nil
	})
	faults = append(faults, check.Pages(w.records(), truth, !w.apart)...)
	if len(faults) > 0 {
		panic(violation{faults})
	}
	w.t.Logf("%d tasks, %d events, right after %s; %s", len(truth), w.events, time.Since(begin).Round(time.Millisecond), w.number)
}

// differences says in what the tabs differ from the service.
func (w *world) differences(ctx context.Context, truth check.Service) (faults []string) {
	var version struct{ Version string }
	if _, err := w.service.ask(ctx, "GET", "/api/version", nil, &version); err != nil {
		return []string{err.Error()}
	}
	for i, t := range w.tabs {
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Sprintf("tab %d: ", i+1)+fmt.Sprintf(format, args...))
		}
		s, err := w.stateOf(ctx, t)
		text := ""
		if err == nil {
			text, err = t.eval(ctx, "chaos.views()")
		}
		var views struct{ List, Mine, Followed []check.View }
		if err == nil {
			err = json.Unmarshal([]byte(text), &views)
		}
		switch {
		case err != nil:
			fault("%v", err)
			continue
		case s.State != "open" || s.Stale:
			fault("its stream is %s, stale is %t", s.State, s.Stale)
		case s.Version != version.Version:
			fault("it shows version %q, and the service says %q", s.Version, version.Version)
		}
		for _, what := range check.InTheEnd(views.List, truth) {
			fault("%s", what)
		}
		for _, what := range check.Shows(slices.Concat(views.Mine, views.Followed), truth) {
			fault("%s", what)
		}
	}
	return faults
}

// records returns what all pages of the browser have recorded.
func (w *world) records() []check.Page {
	var items map[string]string
	must(json.Unmarshal([]byte(w.eval(w.tabs[0], "chaos.records()")), &items))
	pages := map[string]*check.Page{}
	keys := make([]string, 0, len(items))
	for key := range items {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var order []string
	for _, key := range keys {
		life := strings.Fields(key)[1]
		if pages[life] == nil {
			pages[life] = &check.Page{Name: life}
			order = append(order, life)
		}
		var r check.Record
		must(json.Unmarshal([]byte(items[key]), &r))
		pages[life].Records = append(pages[life].Records, r)
	}
	all := make([]check.Page, len(order))
	for i, life := range order {
		all[i] = *pages[life]
	}
	return all
}

// restored returns how many times a page came out of the back/forward cache.
func (w *world) restored() (n int) {
	for _, p := range w.records() {
		for _, r := range p.Records {
			if r.Kind == "restored" {
				n++
			}
		}
	}
	return n
}

// oneStream fails unless the service has one stream, for all tabs.
func (w *world) oneStream() {
	err := until(w.ctx, w.patience, func(ctx context.Context) error {
		n, err := w.service.streams(ctx)
		if err == nil && n != 1 {
			err = fmt.Errorf("the service has %v streams, want 1", n)
		}
		return err
	})
	if err != nil {
		panic(violation{[]string{"B2: " + err.Error()}})
	}
}

// tabsNow returns what each tab says of itself.
func (w *world) tabsNow() string {
	var all []string
	for i, t := range w.tabs {
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		s, err := w.stateOf(ctx, t)
		cancel()
		all = append(all, fmt.Sprintf("%d: %+v %v", i+1, s, err))
	}
	return strings.Join(all, "\n")
}

// streamsNow returns what the service says of each stream.
func (w *world) streamsNow() string {
	ctx, cancel := w.in()
	defer cancel()
	var list struct {
		Connections []struct {
			ID string `json:"request_id"`
		}
	}
	if _, err := w.service.ask(ctx, "GET", "/api/connections", nil, &list); err != nil {
		return err.Error()
	}
	var all strings.Builder
	for _, c := range list.Connections {
		var one json.RawMessage
		_, err := w.service.ask(ctx, "GET", "/api/connections/"+c.ID, nil, &one)
		fmt.Fprintf(&all, "%.6000s %v\n", one, err)
	}
	return all.String()
}
