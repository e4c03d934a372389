package relay

import (
	"context"
	"fmt"
	"log/slog"

	"heliograph/domain/connection"
)

// End implements gateway.Relay. The goroutines that tell the backend are there
// while there is something to tell.
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
		r.log.WarnContext(r.life, "backend is not told of a stream that ended: too many wait, or the gateway is stopped")
		return
	}
	r.ended = append(r.ended, ending{token: token, request: request, reason: reason})
	if r.tellers < r.cfg.Parallel {
		r.tellers++
		r.busy.Go(r.tellAll)
	}
}

// tellAll tells the backend until nothing waits.
func (r *Relay) tellAll() {
	for {
		e, ok := r.next()
		if !ok {
			return
		}
		r.told(r.backend.Disconnect(r.life, e.token, e.request, e.reason))
	}
}

// told logs when the backend begins to miss ends, and when it is told again: ten
// thousand streams may end at once.
func (r *Relay) told(err error) {
	r.mu.Lock()
	missed := r.missed
	r.missed++
	if err == nil {
		r.missed = 0
	}
	r.mu.Unlock()
	switch {
	case err != nil && missed == 0:
		r.log.WarnContext(r.life, "backend is not told of streams that end", slog.Any("error", err))
	case err == nil && missed > 0:
		r.log.InfoContext(r.life, "backend is told of streams that end again", slog.Int("missed", missed))
	}
}

func (r *Relay) next() (ending, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ended) == 0 || r.life.Err() != nil {
		r.tellers--
		return ending{}, false
	}
	e := r.ended[0]
	r.ended[0] = ending{}
	if r.ended = r.ended[1:]; len(r.ended) == 0 {
		r.ended = nil
	}
	return e, true
}

// Close takes no more ends, and returns when the backend was told of all before.
// If ctx ends first, it gives up the rest. It may be called twice. Errors:
// ctx.Err(), with how many were given up.
func (r *Relay) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	defer r.stop()
	done := make(chan struct{})
	go func() { // ends with the last teller
		r.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	left := len(r.ended) + r.tellers
	r.mu.Unlock()
	r.stop()
	<-done
	return fmt.Errorf("tell the backend of %d more streams that ended: %w", left, ctx.Err())
}
