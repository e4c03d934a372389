//go:build linux

package browser

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/test/bench"
)

// patience is for how long a tab may load, get an event or an answer. A browser that has no
// connection left for it would let it wait for ever.
const patience = 3 * time.Second

// sevenTabs opens the page in several tabs and asks what each of them has of it.
func (r *rig) sevenTabs(ctx context.Context) error {
	var all []*tab
	for range tabs {
		t, err := r.browser.tab(ctx)
		if err != nil {
			return err
		}
		all = append(all, t)
		r.patiently(ctx, func(ctx context.Context) error {
			return errors.Join(t.navigate(ctx, r.page("")), t.value(ctx, "bench.ready", nil))
		})
	}
	streams, err := r.streams(ctx)
	if err != nil {
		return err
	}
	if err := r.post(ctx, "/bench/flood", map[string]any{"rate": 100, "seconds": 0.1, "rows": 1}); err != nil {
		return err
	}
	r.round.Figures[bench.TabStreams] = streams
	r.round.Figures[bench.TabsShow] = r.count(ctx, all, "new Promise((shown) => { (function look() { if (bench.seen.events) shown(); else setTimeout(look, 10); })(); })")
	r.round.Figures[bench.TabsAnswered] = r.count(ctx, all, "fetch(location.href, {cache: 'no-store'}).then(() => {})")
	return nil
}

// count returns in how many tabs an expression has a value in time.
func (r *rig) count(ctx context.Context, tabs []*tab, expression string) float64 {
	var n atomic.Int64
	var asked sync.WaitGroup
	for _, t := range tabs {
		asked.Go(func() {
			if r.patiently(ctx, func(ctx context.Context) error { return t.value(ctx, expression, nil) }) {
				n.Add(1)
			}
		})
	}
	asked.Wait()
	return float64(n.Load())
}

// patiently says whether do succeeds in time.
func (r *rig) patiently(ctx context.Context, do func(ctx context.Context) error) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return do(ctx) == nil
}
