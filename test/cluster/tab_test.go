package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"heliograph/test/cluster/check"
	"heliograph/test/sseclient"
)

// tab is a browser's page behind a load balancer: whenever its stream ends it
// comes back, on any node, with the ID of the last event that it got. Until it is
// calm it goes elsewhere now and then. Once it was replaced it waits until
// somebody looks at it again, and when it is calm nobody does.
type tab struct {
	name   string
	urls   []string // of the nodes
	random *rand.Rand
	calm   <-chan struct{}

	mu      sync.Mutex
	streams []*sseclient.Stream // guarded by mu
	err     error               // of the last attempt; guarded by mu
}

// openTime is how long a load balancer waits for an answer.
const openTime = 5 * time.Second

// live goes on until ctx ends or the tab was replaced for good.
func (b *tab) live(ctx context.Context) {
	for last := ""; ctx.Err() == nil; {
		client := sseclient.New(b.urls[b.random.IntN(len(b.urls))] + "/api/sse/stream?request_id=" + b.name)
		client.SetLastID(last)
		replaced := b.visit(ctx, client)
		last = client.LastID()
		if replaced && !b.lookedAt(ctx) {
			return
		}
		pause(ctx, b.upTo(200*time.Millisecond))
	}
}

// visit has one stream, until it ends or the tab goes elsewhere.
func (b *tab) visit(ctx context.Context, client *sseclient.Client) (replaced bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(openTime, cancel)
	st, err := client.Connect(ctx)
	late.Stop()
	b.note(st, err)
	if err != nil {
		return false
	}
	defer st.Close()
	b.stay(ctx, st)
	return slices.ContainsFunc(st.Events(), func(e sseclient.Event) bool { return e.Name == "replaced" })
}

func (b *tab) stay(ctx context.Context, st *sseclient.Stream) {
	restless := time.NewTimer(b.upTo(10 * time.Second))
	defer restless.Stop()
	select {
	case <-b.calm:
		<-st.Done() // ctx ends it, too
	case <-restless.C:
		select {
		case <-b.calm:
			<-st.Done()
		default:
		}
	case <-st.Done():
	case <-ctx.Done():
	}
}

// lookedAt waits until somebody looks at the tab again, or with false until all
// are calm.
func (b *tab) lookedAt(ctx context.Context) bool {
	again := time.NewTimer(b.upTo(5 * time.Second))
	defer again.Stop()
	select {
	case <-again.C:
		return true
	case <-b.calm:
	case <-ctx.Done():
	}
	return false
}

func (b *tab) upTo(most time.Duration) time.Duration {
	return time.Duration(b.random.Int64N(int64(most)))
}

func (b *tab) note(st *sseclient.Stream, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err = err; err == nil {
		b.streams = append(b.streams, st)
	}
}

// told is all that the tab was told so far.
func (b *tab) told() check.Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := check.Client{Name: b.name}
	for _, st := range b.streams {
		select {
		case <-st.Done():
			c.Live = false
		default:
			c.Live = true
		}
		c.Streams = append(c.Streams, st.Events())
	}
	return c
}

// violations are what no correct server says.
func (b *tab) violations() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, st := range b.streams {
		for _, v := range st.Violations() {
			all = append(all, fmt.Sprintf("client %s: %s", b.name, v))
		}
	}
	return all
}
