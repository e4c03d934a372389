package main

import (
	"context"
	"fmt"
	"io"
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
	// usual is when a browser comes back without a retry.
	usual = time.Second
	// most is how many mistakes are reported.
	most = 20
)

// crowd is all browsers together.
type crowd struct {
	balancer *balancer.Balancer
	client   *http.Client
	opening  chan struct{} // has a place for each stream that is being opened

	mu       sync.Mutex
	browsers []*browser     // guarded by mu
	open     int            // guarded by mu
	connects map[int64]int  // by second; guarded by mu
	ends     map[string]int // by how; guarded by mu
}

func newCrowd(urls []string) *crowd {
	return &crowd{
		balancer: balancer.New(urls),
		client: &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10,
		}},
		opening: make(chan struct{}, atOnce), connects: map[int64]int{}, ends: map[string]int{},
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
	// Ends counts how visits have ended, in words.
	Ends map[string]int
}

func (c *crowd) report() Report {
	c.mu.Lock()
	r := Report{Open: c.open, Connects: maps.Clone(c.connects), Ends: maps.Clone(c.ends)}
	browsers := slices.Clone(c.browsers)
	c.mu.Unlock()
	var foremost check.Place
	var at []check.Place
	for _, b := range browsers {
		p := b.addTo(&r)
		if at = append(at, p); p.Seq > foremost.Seq {
			foremost = p
		}
	}
	for _, p := range at {
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
	c.browsers = append(c.browsers, b)
	c.mu.Unlock()
	for ctx.Err() == nil {
		if b.visit(ctx) {
			b.due = time.Now().Add(b.wait)
		}
		pause(ctx, b.wait)
	}
}

// browser is one of them.
type browser struct {
	crowd  *crowd
	name   string
	lastID string
	wait   time.Duration // before it comes back
	due    time.Time     // when it wanted to come back

	mu     sync.Mutex   // of its own: all of them hear each event
	reader check.Reader // guarded by mu
}

// visit has one stream until it ends, and reports whether there was one.
func (b *browser) visit(ctx context.Context) (open bool) {
	resp, ok := b.open(ctx)
	if !ok {
		b.wait = time.Duration(rand.Int64N(int64(usual))) //nolint:gosec // no secret
		b.crowd.ended("refused")
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	open, received := b.read(resp.Body)
	if open {
		b.crowd.closed()
	}
	b.crowd.ended(fmt.Sprintf("open: %t, told when to come back: %t", open, received))
	return open
}

// read reads a stream until it ends. One that was only sent away was not open.
func (b *browser) read(stream io.Reader) (open, received bool) {
	b.wait = usual
	b.mu.Lock()
	b.reader.Begin()
	b.mu.Unlock()
	for d := sseclient.NewDecoder(stream, b.lastID); ; {
		item, err := d.Next()
		b.lastID = d.LastID()
		switch {
		case err != nil:
			return open, received
		case item.Kind == sseclient.KindRetry:
			b.wait, received = item.Retry, true
		case item.Kind == sseclient.KindEvent:
			if !open {
				b.crowd.opened(b.due)
			}
			open = true
			b.mu.Lock()
			b.reader.Take(item.Event)
			b.mu.Unlock()
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

// addTo adds what the reader knows to r, and returns its position.
func (b *browser) addTo(r *Report) check.Place {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Resets += b.reader.Resets
	for _, w := range b.reader.Wrong {
		if len(r.Wrong) < most {
			r.Wrong = append(r.Wrong, b.name+": "+w)
		}
	}
	return b.reader.At
}

func (c *crowd) opened(due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.connects[due.Unix()]++
}

func (c *crowd) ended(how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends[how]++
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
