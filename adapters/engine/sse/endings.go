package sse

import (
	"context"
	"sync"

	"heliograph/domain/connection"
)

// endings reports the streams that ended in a shard, one after the other and in a
// goroutine of its own, so that no shard waits for the callback.
type endings struct {
	report func(connection.Token, connection.Reason) // nil: ends are not reported
	signal chan struct{}

	mu   sync.Mutex
	list []ending // guarded by mu
}

type ending struct {
	token  connection.Token
	reason connection.Reason
}

// OnEnd sets the function that is called after each adopted stream ended. Call it before Serve.
func (e *Engine) OnEnd(report func(connection.Token, connection.Reason)) { e.endings.report = report }

func (e *endings) add(token connection.Token, reason connection.Reason) {
	e.mu.Lock()
	e.list = append(e.list, ending{token, reason})
	e.mu.Unlock()
	select {
	case e.signal <- struct{}{}:
	default: // it is awake, or will be
	}
}

// serve reports ends until ctx ends.
func (e *endings) serve(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.signal:
			e.flush()
		}
	}
}

// flush reports all ends that are queued.
func (e *endings) flush() {
	e.mu.Lock()
	list := e.list
	e.list = nil
	e.mu.Unlock()
	if e.report == nil {
		return
	}
	for _, end := range list {
		e.report(end.token, end.reason)
	}
}
