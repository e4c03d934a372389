package chaos_test

import (
	"fmt"
	"time"
)

var networkBreakages = []breakage{
	{
		name: "a half-open socket", what: "the service's side is gone, and nobody tells the browser",
		play: func(w *world) {
			w.begin()
			w.open(2, w.sharing())
			w.traffic(3)
			w.untilSilent("half-open")
			w.traffic(3)
			w.site.repair()
			w.traffic(3)
		},
	},
	{
		name: "a stream that is dead from its first byte", what: "a proxy passes the answer on, and holds back all that would come after it",
		play: func(w *world) {
			w.begin()
			w.site.breakNow("stall")
			begin := time.Now()
			w.openUntil(1+w.below(2), w.sharing(), "silent", "reconnecting") // Firefox waits for a byte, and the library for half a minute
			w.number = fmt.Sprintf("noticed after %s, with pings every second", time.Since(begin).Round(time.Millisecond))
			w.traffic(3)
			w.site.repair()
			w.traffic(3)
		},
	},
	{
		name: "a proxy that cuts", what: "the stream, after any number of bytes, again and again",
		play: func(w *world) {
			w.begin()
			w.open(2, w.sharing())
			w.site.breakNow("cut")
			w.cutNow()
			w.traffic(20)
			w.site.repair()
			w.cutNow()
			w.traffic(3)
		},
	},
	{
		name: "a proxy that stalls", what: "nothing passes for a while, and then what was held back does",
		play: func(w *world) {
			w.begin()
			w.open(2, w.sharing())
			w.awaitPace()
			for range 2 {
				w.traffic(3)
				if w.below(2) == 0 { // long enough to be noticed
					w.untilSilent("stall")
				} else {
					w.site.breakNow("stall")
				}
				w.traffic(2)
				w.site.repair()
			}
			w.traffic(3)
		},
	},
	{
		name: "a proxy that buffers", what: "events come in lumps, and answers when they are out of date",
		play: func(w *world) {
			w.begin()
			w.site.breakNow("buffer")
			for range 3 {
				w.startBusy()
			}
			how := w.sharing()
			w.open(2, how)
			w.traffic(6)
			w.open(1, how)
			w.reload(w.any())
			w.traffic(6)
		},
	},
	{
		name: "tasks that end before anybody listens", what: "and one that never was: followed by pages that come later, or started with an answer that comes after the end",
		play: func(w *world) {
			w.begin()
			ctx, cancel := w.in()
			defer cancel()
			follow := "00000000-0000-4000-8000-000000000000"
			for range 3 {
				id, err := w.service.startTask(ctx, "demo_task", map[string]any{"steps": 1, "delay": 0.01})
				must(err)
				follow += "," + id
			}
			w.serverTraffic(5)
			how := w.sharing()
			w.open(1, "follow="+follow+"&"+how)
			w.site.breakNow("buffer")
			w.open(1, "follow="+follow+"&"+how)
			for range 3 {
				w.eval(w.any(), fmt.Sprintf("chaos.start('demo_task', {steps: %d, delay: 0.01})", w.below(3)))
			}
			w.traffic(3)
		},
	},
}

// awaitPace waits until each tab knows how often something comes.
func (w *world) awaitPace() {
	for _, t := range w.tabs {
		w.await(t, "pings come", func(s state) bool { return s.Pace })
	}
}

// startBusy starts a task that says often how far it is, for a few seconds.
func (w *world) startBusy() {
	ctx, cancel := w.in()
	defer cancel()
	_, err := w.service.startTask(ctx, "demo_task", map[string]any{"steps": 60, "delay": 0.05})
	must(err)
}
