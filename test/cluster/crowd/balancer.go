package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// checkInterval is how often the balancer asks whether nodes are ready.
const checkInterval = 200 * time.Millisecond

// balancer knows which nodes are ready.
type balancer struct {
	urls []string

	mu    sync.Mutex
	ready []string // guarded by mu
}

// watch asks all nodes until ctx ends.
func (b *balancer) watch(ctx context.Context) {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
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
		pause(ctx, checkInterval)
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

// pick returns any node that is ready.
func (b *balancer) pick() (url string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return "", false
	}
	return b.ready[rand.IntN(len(b.ready))], true //nolint:gosec // no secret
}
