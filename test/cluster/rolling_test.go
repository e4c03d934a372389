package cluster_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/test/programs"
)

// A deploy: the nodes are restarted one after the other under many streams. No
// client misses an event, none delays another, and every node stops in order.
func TestRollingRestartSpreadsReconnects(t *testing.T) { // G2, G8, T15
	spread, streams := 10*time.Second, *crowdSize
	if testing.Short() {
		spread, streams = 2*time.Second, min(streams, 500)
	}
	r := newRig(t, options{many: true, env: []string{"SSE_DRAIN_SPREAD=" + spread.String(), "SHUTDOWN_GRACE_PERIOD=30s", "LOG_LEVEL=warn"}})
	c := newCrowd(t, r.urls[:], streams)
	eventually(t, "all streams are open", c.complete)
	stop := r.work(t)
	c.forget()
	for _, p := range r.nodes {
		begin := time.Now()
		if status := p.terminate(); status != 0 {
			t.Errorf("T15: %s after SIGTERM: exit status %d, want 0", p.name, status)
		}
		t.Logf("%s has ended in %s", p.name, time.Since(begin).Round(time.Millisecond))
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, p.name+" is back and all streams are open", func() error { return errors.Join(r.ready(), c.complete()) })
	}
	stop()
	eventually(t, "all streams have got everything", c.upToDate)
	got := c.report()
	if len(got.Wrong) > 0 || got.Resets > 0 {
		t.Errorf("G2: %d resets, and this: %s", got.Resets, strings.Join(got.Wrong, "\n"))
	}
	// One node has up to three quarters of the streams, spread over the time that was set;
	// and a machine that is busy sends some away, to come again a little later.
	peak, bound := c.peak(), int(2*float64(streams)/spread.Seconds())
	t.Logf("%d streams, at most %d connects in a second; visits ended so: %v", streams, peak, got.Ends)
	if peak > bound {
		t.Errorf("G8: %d connects in a second, want at most %d", peak, bound)
	}
}

// work runs tasks until it is stopped.
func (r *rig) work(t *testing.T) (stop func()) {
	t.Helper()
	calm := make(chan struct{})
	u := &user{name: "user", r: r, random: rand.New(rand.NewPCG(1, 0)), rest: time.Second, kinds: kinds[:1]}
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	busy.Go(func() { u.live(ctx, calm) })
	t.Cleanup(busy.Wait)
	t.Cleanup(cancel)
	return func() { close(calm); busy.Wait() }
}

// crowd is the process that holds the streams.
type crowd struct {
	streams int

	mu    sync.Mutex
	last  crowdReport // guarded by mu
	since int64       // in Unix seconds: what was before is forgotten; guarded by mu
}

// crowdReport is what the process reports.
type crowdReport struct {
	Open, Behind, Resets int
	Wrong                []string
	Connects             map[int64]int
	Ends                 map[string]int
}

// newCrowd starts one that lives until the test's end.
func newCrowd(t *testing.T, urls []string, streams int) *crowd {
	t.Helper()
	c := &crowd{streams: streams}
	cmd := exec.Command(programs.Plain(t, "heliograph/test/cluster/crowd"),
		"-urls", strings.Join(urls, ","), "-streams", strconv.Itoa(streams))
	cmd.Stderr = os.Stderr
	in, out := programs.Start(t, cmd)
	read := make(chan struct{})
	go func() { defer close(read); c.read(out) }()
	t.Cleanup(func() {
		_ = in.Close()
		<-read
		_ = cmd.Wait() // what it has to say it has said
	})
	return c
}

func (c *crowd) read(out io.Reader) {
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var r crowdReport
		if json.Unmarshal(line, &r) == nil {
			c.mu.Lock()
			c.last = r
			c.mu.Unlock()
		}
	}
}

func (c *crowd) report() crowdReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// complete says what is missing until all streams are open.
func (c *crowd) complete() error {
	if r := c.report(); r.Open != c.streams {
		return fmt.Errorf("%d of %d streams are open", r.Open, c.streams)
	}
	return nil
}

// upToDate says what is missing until all streams are where the foremost is.
func (c *crowd) upToDate() error {
	if r := c.report(); r.Behind > 0 {
		return fmt.Errorf("%d streams are behind", r.Behind)
	}
	return c.complete()
}

// forget leaves the connects so far out of peak.
func (c *crowd) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now().Unix() + 1
}

// peak is the most connects in one second.
func (c *crowd) peak() (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for second, n := range c.last.Connects {
		if second > c.since {
			most = max(most, n)
		}
	}
	return most
}
