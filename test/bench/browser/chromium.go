//go:build linux

//nolint:contextcheck // chromedp's contexts are tabs, and end with what is given to within
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"heliograph/test/bench"
	"heliograph/test/chromium"
)

// browser is a Chromium with a fresh profile.
type browser struct {
	first context.Context //nolint:containedctx // chromedp keeps a tab in one: that which keeps the browser open
	end   func()
}

func launch(ctx context.Context) (*browser, error) {
	first, end, err := chromium.Launch(ctx, "chromium")
	if err != nil {
		end()
		return nil, fmt.Errorf("chromium: %w", err)
	}
	return &browser{first, end}, nil
}

// tab is one of its tabs, or a worker.
type tab struct {
	ctx   context.Context //nolint:containedctx // chromedp keeps a tab in one
	close func()
}

// tab opens an empty tab.
func (b *browser) tab(ctx context.Context) (*tab, error) { return b.open(ctx) }

// fresh opens an empty tab that shares nothing with others, and has nothing in its cache.
func (b *browser) fresh(ctx context.Context) (*tab, error) {
	return b.open(ctx, chromedp.WithNewBrowserContext())
}

func (b *browser) open(ctx context.Context, options ...chromedp.ContextOption) (*tab, error) {
	t := new(tab)
	t.ctx, t.close = chromedp.NewContext(b.first, options...)
	defer context.AfterFunc(ctx, t.close)() // the context of its first action is that of the tab
	if err := chromedp.Do(t.ctx, chromedp.Navigate("about:blank")); err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	// chromedp listens to the network; what it would be told costs the page time.
	_, err1 := chromedp.Call(t.ctx, network.Disable, cdp.Empty{})
	// CPU time and no other: the machine does other things, too.
	_, err2 := chromedp.Call(t.ctx, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	return t, errors.Join(err1, err2)
}

// worker attaches to the SharedWorker; nil is none. Closing it only detaches.
func (b *browser) worker(ctx context.Context) (*tab, error) {
	targets, err := chromedp.Targets(b.first)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(targets, func(info *target.Info) bool { return info.Type == "shared_worker" })
	if at < 0 {
		return nil, nil
	}
	w := new(tab)
	w.ctx, w.close = chromedp.NewContext(b.first, chromedp.WithTargetID(targets[at].TargetID), chromedp.WithDetachOnCancel())
	defer context.AfterFunc(ctx, w.close)()
	_, err = chromedp.Run(w.ctx, chromedp.Evaluate[int]("1"))
	return w, err
}

// within does something in the tab until ctx ends.
func (t *tab) within(ctx context.Context, do func(context.Context) error) error {
	return chromium.Within(ctx, t.ctx, do)
}

func (t *tab) navigate(ctx context.Context, url string) error {
	return t.within(ctx, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Navigate(url)) })
}

// value waits for an expression, and stores its value where into points to; nil forgets it.
func (t *tab) value(ctx context.Context, expression string, into any) error {
	return t.within(ctx, func(ctx context.Context) error {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("(async () => JSON.stringify(await (%s)) ?? 'null')()", expression), chromedp.EvalAwaitPromise))
		if err != nil || into == nil {
			return err
		}
		return json.Unmarshal([]byte(text), into)
	})
}

// heap is what is on the heap after it was cleaned up, in bytes.
func (t *tab) heap(ctx context.Context) (bytes float64, err error) {
	err = t.within(ctx, func(ctx context.Context) error {
		for range 2 { // what finalizers leave goes the second time
			if _, err := chromedp.Call(ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
				return err
			}
		}
		usage, err := chromedp.Call(ctx, runtime.GetHeapUsage, cdp.Empty{})
		bytes = usage.UsedSize
		return err
	})
	return bytes, err
}

// sight is what a page, its process and its browser have used and seen until now; times in
// seconds of CPU time, but for at.
type sight struct {
	at                         time.Duration // since some moment
	main                       float64       // the page's main thread
	worker, process, allOthers float64       // the SharedWorker's thread, the page's process, the browser's other ones
	events, frames             float64
}

// look looks at a page and all that it uses.
func (b *browser) look(ctx context.Context, t *tab, counter string) (s sight, err error) {
	var seen map[string]float64
	if err := t.value(ctx, "bench.seen", &seen); err != nil {
		return s, err
	}
	s.events, s.frames = seen[counter], seen["frames"]
	err = t.within(ctx, func(ctx context.Context) error {
		now, err := chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
		for _, m := range now.Metrics {
			switch m.Name {
			case "Timestamp":
				s.at = time.Duration(m.Value * float64(time.Second))
			case "TaskDuration":
				s.main = m.Value
			case "ProcessTime":
				s.process = m.Value
			}
		}
		return err
	})
	if err != nil {
		return s, err
	}
	all, err := chromedp.CallBrowser(b.first, systeminfo.GetProcessInfo, cdp.Empty{})
	for _, p := range all.ProcessInfo {
		if p.Type != "renderer" { // those are pages: this one, and what belongs to the browser's window
			s.allOthers += p.CPUTime
		}
		worker, _ := bench.ThreadCPU(int(p.ID), workerThread) // a process may have ended
		s.worker += worker.Seconds()
	}
	return s, err
}

// workerThread is how Chromium names the thread of a SharedWorker.
const workerThread = "SharedWorker"

// minus is what came between two looks.
func (s sight) minus(o sight) sight {
	return sight{
		s.at - o.at, s.main - o.main, s.worker - o.worker, s.process - o.process, s.allOthers - o.allOthers,
		s.events - o.events, s.frames - o.frames,
	}
}

// note notes it by the second.
func (s sight) note(r bench.Round, f bench.Flood) {
	for figure, value := range map[bench.Figure]float64{
		f.Arrived(): s.events, f.Frames(): s.frames, f.Main(): s.main * 1000,
		f.Worker(): s.worker * 1000, f.Process(): s.process * 1000, f.Others(): s.allOthers * 1000,
	} {
		r.Figures[figure] = value / s.at.Seconds()
	}
}
