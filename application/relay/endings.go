package relay

import (
	"context"
	"fmt"
	"log/slog"

	"heliograph/domain/connection"
)

// End implements gateway.Relay. The goroutines that make disconnect callbacks
// exist only while some wait.
func (r *Relay) End(token connection.Token, reason connection.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	request, known := r.open[token]
	if !known {
		return
	}
	delete(r.open, token)
	r.tokens.remove(token)
	if r.closed || len(r.ended) >= r.cfg.MaxWaiting {
		r.log.WarnContext(r.life, "disconnect callback was dropped: too many wait, or the gateway is stopped")
		return
	}
	r.ended = append(r.ended, ending{token: token, request: request, reason: reason})
	if r.workers < r.cfg.Parallel {
		r.workers++
		r.busy.Go(r.reportEnds)
	}
}

// reportEnds makes disconnect callbacks until none waits.
func (r *Relay) reportEnds() {
	for {
		e, ok := r.next()
		if !ok {
			return
		}
		r.countFailures(r.backend.Disconnect(r.life, e.token, e.request, e.reason))
	}
}

// countFailures logs the first failed disconnect callback and the first that
// succeeds after it, not each of them: ten thousand streams may end at once.
func (r *Relay) countFailures(err error) {
	r.mu.Lock()
	failures := r.failures
	r.failures++
	if err == nil {
		r.failures = 0
	}
	r.mu.Unlock()
	switch {
	case err != nil && failures == 0:
		r.log.WarnContext(r.life, "disconnect callbacks fail", slog.Any("error", err))
	case err == nil && failures > 0:
		r.log.InfoContext(r.life, "disconnect callbacks succeed again", slog.Int("failed", failures))
	}
}

func (r *Relay) next() (ending, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ended) == 0 || r.life.Err() != nil {
		r.workers--
		return ending{}, false
	}
	e := r.ended[0]
	r.ended[0] = ending{}
	if r.ended = r.ended[1:]; len(r.ended) == 0 {
		r.ended = nil
	}
	return e, true
}

// Close takes no more ends, and returns when the callbacks of all before were
// made. If ctx ends first, it gives up the rest. It may be called twice. Errors:
// ctx.Err(), with how many were given up.
func (r *Relay) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	defer r.stop()
	done := make(chan struct{})
	go func() { // ends with the last callback
		r.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	left := len(r.ended) + r.workers
	r.mu.Unlock()
	r.stop()
	<-done
	return fmt.Errorf("%d disconnect callbacks were given up: %w", left, ctx.Err())
}
