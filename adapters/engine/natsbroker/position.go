package natsbroker

import (
	"context"
	"sync"
)

// Position is how far a reader has come in a stream, for others to wait for. It
// is safe for concurrent use; NewPosition makes one.
type Position struct {
	mu   sync.Mutex
	seq  uint64        // guarded by mu
	news chan struct{} // closed at the next change; guarded by mu
}

// NewPosition returns a Position at a sequence.
func NewPosition(seq uint64) *Position { return &Position{seq: seq, news: make(chan struct{})} }

// Set changes the position, to any other one.
func (p *Position) Set(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq = seq
	close(p.news)
	p.news = make(chan struct{})
}

// At returns the position.
func (p *Position) At() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seq
}

// Wait returns when the position is at seq or beyond. Errors: ctx.Err().
func (p *Position) Wait(ctx context.Context, seq uint64) error {
	for {
		p.mu.Lock()
		reached, news := p.seq >= seq, p.news
		p.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
