//go:build linux

package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"heliograph/test/bench"
)

const (
	rate       = 10_000 // events a second in a flood
	rows       = 100    // of which each is the state of one of so many
	starts     = 15     // in a page whose stream is open
	coldStarts = 3      // in pages that are loaded for it, with nothing in a cache
	tabs       = 7
	enough     = 0.95 // of the rate must arrive
	tries      = 2
	// warmUp is for how long a flood is there before it is measured: scripts are compiled by then.
	warmUp = 2 * time.Second
	// tooLong is how long a round may take beside its floods.
	tooLong = 3 * time.Minute
)

// rig is one client, its server and a browser, for one round.
type rig struct {
	client  *client
	url     string // of the server
	round   bench.Round
	browser *browser
	flood   time.Duration
}

// take takes one round of figures.
func take(ctx context.Context, c *client, s *bench.Subject, sizes map[bench.Figure]float64, flood time.Duration) (bench.Round, error) {
	ctx, cancel := context.WithTimeout(ctx, tooLong+2*tries*(flood+3*warmUp))
	defer cancel()
	port, stop, err := bench.Start(ctx, s)
	if err != nil {
		return bench.Round{}, err
	}
	r := &rig{client: c, url: fmt.Sprintf("http://127.0.0.1:%d", port), round: bench.Round{Figures: maps.Clone(sizes)}, flood: flood}
	err = errors.Join(
		r.inBrowser(ctx, func(ctx context.Context) error { return errors.Join(r.coldStarts(ctx), r.onePage(ctx)) }),
		r.inBrowser(ctx, r.sevenTabs),
	)
	return r.round, errors.Join(err, stop())
}

// inBrowser does something in a browser with a fresh profile.
func (r *rig) inBrowser(ctx context.Context, do func(ctx context.Context) error) error {
	b, err := launch(ctx)
	if err != nil {
		return err
	}
	defer b.end()
	r.browser = b
	return do(ctx)
}

// page is the URL of the client's page.
func (r *rig) page(query string) string {
	return fmt.Sprintf("%s/bench/%s.html?%s&%s", r.url, r.client.script, r.client.query, query)
}

// painted is when progress was first to be seen, in milliseconds.
type painted struct{ Took, Since float64 }

// coldStarts loads pages that start a task as soon as they can.
func (r *rig) coldStarts(ctx context.Context) error {
	var since []float64
	for range coldStarts {
		t, err := r.browser.fresh(ctx)
		if err != nil {
			return err
		}
		var p painted
		err = errors.Join(t.navigate(ctx, r.page("begin")), t.value(ctx, "bench.begun", &p))
		t.close()
		if err != nil {
			return fmt.Errorf("start in a new page: %w", err)
		}
		since = append(since, p.Since)
	}
	r.round.Figures[bench.LoadToPaint] = middle(since)
	return nil
}

// onePage is what is measured in a page whose stream is open.
func (r *rig) onePage(ctx context.Context) error {
	t, err := r.browser.tab(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(t.navigate(ctx, r.page("")), t.value(ctx, "bench.ready", nil)); err != nil {
		return fmt.Errorf("open the stream: %w", err)
	}
	var took []float64
	for range starts {
		var p painted
		if err := t.value(ctx, "bench.start()", &p); err != nil {
			return fmt.Errorf("start: %w", err)
		}
		took = append(took, p.Took)
	}
	r.round.Figures[bench.StartToPaint], r.round.Figures[bench.StartToPaintMost] = middle(took), slices.Max(took)
	if err := r.heaps(ctx, t, bench.PageHeapIdle, bench.WorkerHeapIdle); err != nil {
		return err
	}
	seconds := (r.flood + 2*warmUp).Seconds() // for longer than it is looked at
	events := func() error {
		return r.post(ctx, "/bench/flood", map[string]any{"rate": rate, "seconds": seconds, "rows": rows})
	}
	if err := r.underFlood(ctx, t, "events", bench.OwnFlood, events); err != nil {
		return err
	}
	if err := r.underFlood(ctx, t, "progress", bench.TaskFlood, func() error { return r.startTasks(ctx, seconds) }); err != nil {
		return err
	}
	return r.heaps(ctx, t, bench.PageHeap, bench.WorkerHeap)
}

// startTasks starts as many tasks as there are rows, which together make the flood.
func (r *rig) startTasks(ctx context.Context, seconds float64) error {
	params := map[string]any{"rate": rate / rows, "seconds": seconds}
	for range rows {
		var err error
		if r.client.centrifuge {
			err = r.post(ctx, "/bench/tasks", params)
		} else {
			err = r.post(ctx, "/api/tasks", map[string]any{"type": "work", "params": params})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// underFlood looks at the page during a flood that begin brings about, and again if the machine had
// too much else to do for it; counter names what the page counts.
func (r *rig) underFlood(ctx context.Context, t *tab, counter string, f bench.Flood, begin func() error) error {
	for range tries {
		seen, err := r.oneFlood(ctx, t, counter, begin)
		if err != nil {
			return err
		}
		if seen.events >= enough*rate*seen.at.Seconds() {
			seen.note(r.round, f)
			return nil
		}
	}
	return nil // it is not counted
}

func (r *rig) oneFlood(ctx context.Context, t *tab, counter string, begin func() error) (sight, error) {
	begun := make(chan error, 1)
	go func() { begun <- begin() }()
	if err := wait(ctx, warmUp); err != nil {
		return sight{}, errors.Join(err, <-begun)
	}
	before, err1 := r.browser.look(ctx, t, counter)
	err2 := wait(ctx, r.flood)
	after, err3 := r.browser.look(ctx, t, counter)
	if err := errors.Join(err1, err2, err3, <-begun); err != nil {
		return sight{}, fmt.Errorf("flood: %w", err)
	}
	return after.minus(before), wait(ctx, warmUp) // until it has ended
}

// heaps notes what is left on the heaps after they were cleaned up.
func (r *rig) heaps(ctx context.Context, t *tab, page, worker bench.Figure) error {
	bytes, err := t.heap(ctx)
	if err != nil {
		return err
	}
	r.round.Figures[page] = bytes
	w, err := r.browser.worker(ctx)
	if w == nil || err != nil {
		return err
	}
	defer w.close()
	r.round.Figures[worker], err = w.heap(ctx)
	return err
}

// post sends JSON to the server, as a backend does, and wants it to be taken.
func (r *rig) post(ctx context.Context, path string, body any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode/100 != 2 {
		return errors.Join(fmt.Errorf("%s: %s: %s", path, answer.Status, said), err)
	}
	return nil
}

// streams is how many the server says that it holds.
func (r *rig) streams(ctx context.Context) (n float64, err error) {
	path, name := "/metrics", "sse_gateway_active_connections"
	if r.client.centrifuge {
		path, name = "/bench/streams", ""
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	said, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(said)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name); found {
			_, err := fmt.Sscan(value, &n)
			return n, err
		}
	}
	return 0, fmt.Errorf("%s does not say how many streams there are", path)
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// middle is the median.
func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
