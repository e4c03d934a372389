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
// a person looks at it again, and in a quiet one nobody does.
type tab struct {
	name    string
	urls    []string // of the nodes
	random  *rand.Rand
	calm    <-chan struct{}
	journal journal

	mu      sync.Mutex
	node    int                 // of the last stream; guarded by mu
	streams []*sseclient.Stream // guarded by mu
}

// openTime is how long a load balancer waits for an answer.
const openTime = 5 * time.Second

// live goes on until ctx ends or the tab was replaced for good.
func (b *tab) live(ctx context.Context) {
	for last := ""; ctx.Err() == nil; {
		node := b.random.IntN(len(b.urls))
		client := sseclient.New(b.urls[node] + "/api/sse/stream?request_id=" + b.name)
		client.SetLastID(last)
		b.journal.note(b.name, "goes to node %d from %q", node+1, last)
		replaced := b.visit(ctx, node, client)
		last = client.LastID()
		if replaced && !b.lookedAt(ctx) {
			return
		}
		pause(ctx, b.upTo(200*time.Millisecond))
	}
}

// visit has one stream, until it ends or the tab goes elsewhere.
func (b *tab) visit(ctx context.Context, node int, client *sseclient.Client) (replaced bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(openTime, cancel)
	st, err := client.Connect(ctx)
	late.Stop()
	if err != nil {
		b.journal.note(b.name, "gets no stream from node %d: %s", node+1, err)
		return false
	}
	defer st.Close()
	b.note(node, st)
	b.journal.note(b.name, "has a stream from node %d", node+1)
	b.stay(ctx, st)
	events := st.Events()
	b.journal.note(b.name, "leaves node %d at %s, having got %q: %v", node+1, client.LastID(), events, st.Err())
	return slices.ContainsFunc(events, func(e sseclient.Event) bool { return e.Name == "replaced" })
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

// lookedAt waits until a person looks at the tab again, or with false until all
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

func (b *tab) note(node int, st *sseclient.Stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.node = node
	b.streams = append(b.streams, st)
}

// at returns the node that the tab has a stream from.
func (b *tab) at() (node int, live bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.node, b.liveLocked()
}

func (b *tab) liveLocked() bool {
	if len(b.streams) == 0 {
		return false
	}
	select {
	case <-b.streams[len(b.streams)-1].Done():
		return false
	default:
		return true
	}
}

// received is all that the tab has got so far.
func (b *tab) received() check.Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := check.Client{Name: b.name, Live: b.liveLocked()}
	for _, st := range b.streams {
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
