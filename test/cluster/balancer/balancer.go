// Package balancer chooses among nodes as a load balancer does: those that say that
// they are ready.
package balancer

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// checkInterval is how often nodes are asked whether they are ready.
const checkInterval = 200 * time.Millisecond

// Balancer knows which nodes are ready. It is safe for concurrent use.
type Balancer struct {
	urls []string

	mu    sync.Mutex
	ready []string // guarded by mu
	next  int      // guarded by mu
}

// New returns a Balancer for nodes with those URLs. It starts nothing, and knows of
// none that is ready before Watch does.
func New(urls []string) *Balancer { return &Balancer{urls: urls} }

// Watch asks all nodes until ctx ends.
func (b *Balancer) Watch(ctx context.Context) {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	ticks := time.NewTicker(checkInterval)
	defer ticks.Stop()
	for ctx.Err() == nil {
		var ready []string
		for _, url := range b.urls {
			if isReady(ctx, client, url) {
				ready = append(ready, url)
			}
		}
		b.mu.Lock()
		b.ready = ready
		b.mu.Unlock()
		select {
		case <-ticks.C:
		case <-ctx.Done():
		}
	}
}

func isReady(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK
}

// Ready returns how many nodes are ready.
func (b *Balancer) Ready() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ready)
}

// Pick returns a node that is ready, each in its turn.
func (b *Balancer) Pick() (url string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return "", false
	}
	b.next++
	return b.ready[b.next%len(b.ready)], true
}
