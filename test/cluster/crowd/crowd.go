package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"heliograph/test/cluster/balancer"
	"heliograph/test/cluster/check"
	"heliograph/test/sseclient"
)

const (
	// atOnce is how many streams are being opened at one time.
	atOnce = 100
	// usual is when a browser comes back that was told nothing else.
	usual = time.Second
	// most is how many mistakes are told.
	most = 20
)

// crowd is all browsers together.
type crowd struct {
	balancer *balancer.Balancer
	client   *http.Client
	opening  chan struct{} // has a place for each stream that is being opened

	mu       sync.Mutex
	open     int           // guarded by mu
	at       []check.Place // of each stream that has heard something; guarded by mu
	connects map[int64]int // by second; guarded by mu
	resets   int           // guarded by mu
	wrong    []string      // guarded by mu
}

func newCrowd(urls []string) *crowd {
	return &crowd{
		balancer: balancer.New(urls),
		client: &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10,
		}},
		opening: make(chan struct{}, atOnce), connects: map[int64]int{},
	}
}

// Report is what a crowd knows.
type Report struct {
	Open   int // streams
	Behind int // streams that are not where the foremost is
	Resets int
	Wrong  []string
	// Connects is how many of the streams that were opened had been due in each second,
	// by Unix time: a machine that is busy lets browsers through in clumps.
	Connects map[int64]int
}

func (c *crowd) report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := Report{Open: c.open, Resets: c.resets, Wrong: slices.Clone(c.wrong), Connects: maps.Clone(c.connects)}
	var foremost check.Place
	for _, p := range c.at {
		if p.Seq > foremost.Seq {
			foremost = p
		}
	}
	for _, p := range c.at {
		if p != foremost {
			r.Behind++
		}
	}
	return r
}

// browse is one browser's life.
func (c *crowd) browse(ctx context.Context, i int) {
	b := &browser{crowd: c, name: fmt.Sprintf("crowd-%d", i), due: time.Now()}
	c.mu.Lock()
	b.index = len(c.at)
	c.at = append(c.at, check.Place{})
	c.mu.Unlock()
	for ctx.Err() == nil {
		b.visit(ctx)
		b.due = time.Now().Add(b.wait)
		pause(ctx, b.wait)
	}
}

// browser is one of them.
type browser struct {
	crowd  *crowd
	name   string
	index  int
	lastID string
	wait   time.Duration // before it comes back
	due    time.Time     // when it wanted to come back
	reader check.Reader
}

// visit has one stream until it ends.
func (b *browser) visit(ctx context.Context) {
	resp, ok := b.open(ctx)
	if !ok {
		b.wait = time.Duration(rand.Int64N(int64(usual))) //nolint:gosec // no secret
		return
	}
	defer func() { _ = resp.Body.Close() }()
	b.wait = usual
	b.reader.Begin()
	open := false
	defer func() {
		if open {
			b.crowd.closed()
		}
	}()
	for d := sseclient.NewDecoder(resp.Body, b.lastID); ; {
		item, err := d.Next()
		b.lastID = d.LastID()
		if err != nil {
			return
		}
		if item.Kind == sseclient.KindRetry {
			b.wait = item.Retry
		}
		if item.Kind == sseclient.KindEvent {
			if !open { // not one that was only sent away with a retry
				open = true
				b.crowd.opened(b.due)
			}
			b.reader.Take(item.Event)
			b.tell()
		}
	}
}

func (b *browser) open(ctx context.Context) (*http.Response, bool) {
	b.crowd.opening <- struct{}{}
	defer func() { <-b.crowd.opening }()
	url, ok := b.crowd.balancer.Pick()
	if !ok {
		return nil, false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/sse/stream?request_id="+b.name, nil)
	if err != nil {
		return nil, false
	}
	req.Header.Set("Accept", "text/event-stream")
	if b.lastID != "" {
		req.Header.Set("Last-Event-ID", b.lastID)
	}
	resp, err := b.crowd.client.Do(req)
	if err != nil {
		return nil, false
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, false
	}
	return resp, true
}

// tell passes on what the reader knows.
func (b *browser) tell() {
	c := b.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[b.index] = b.reader.At
	c.resets += b.reader.Resets
	b.reader.Resets = 0
	for _, w := range b.reader.Wrong {
		if len(c.wrong) < most {
			c.wrong = append(c.wrong, b.name+": "+w)
		}
	}
	b.reader.Wrong = nil
}

func (c *crowd) opened(due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.connects[due.Unix()]++
}

func (c *crowd) closed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
