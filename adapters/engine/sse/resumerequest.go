package sse

import (
	"heliograph/adapters/engine/sse/log"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// resumeRequest is what a client says that it has had, and what was found out about it.
type resumeRequest struct {
	id     event.ID           // the last event that it has had, or has got by missed; zero if it had none
	missed [][]byte           // frames that it needs before those that follow id
	events uint64             // in missed
	bytes  int                // of missed
	reset  stream.ResetReason // why it has to begin anew; "" if nothing is known against it
}

// resumeRequest reads a Last-Event-ID.
func (e *Engine) resumeRequest(lastEventID string) resumeRequest {
	if lastEventID == "" {
		return resumeRequest{}
	}
	id, err := event.ParseID(lastEventID)
	switch {
	case err != nil:
		return resumeRequest{reset: stream.ResetInvalid}
	case id.Epoch != e.log.Epoch():
		return resumeRequest{reset: stream.ResetEpoch}
	}
	return resumeRequest{id: id}
}

// expire says that something of what the client needs cannot be had.
func (r *resumeRequest) expire() { *r = resumeRequest{id: r.id, reset: stream.ResetExpired} }

// locateLocked finds where a client goes on (rules G2, G3). Errors: errAhead and
// log.ErrBehind, if others may know more than this log. With Engine.mu held.
func (e *Engine) locateLocked(r resumeRequest) (log.Position, stream.ResetReason, error) {
	head := e.log.Head()
	switch {
	case r.reset != "" || r.id.IsZero():
		return head, r.reset, nil
	case r.id.Seq > head.Seq && e.history.broker != nil:
		return log.Position{}, "", errAhead
	case r.id.Seq > head.Seq:
		return head, stream.ResetInvalid, nil
	}
	at, err := e.log.After(r.id.Seq)
	if err != nil && e.history.broker == nil {
		return head, stream.ResetExpired, nil
	}
	return at, "", err
}
