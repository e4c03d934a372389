package sse

import (
	"heliograph/adapters/engine/sse/log"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// resumeRequest holds what a client says that it has got, and what was found out about
// it.
type resumeRequest struct {
	id     event.ID           // the last event that it has got, missed included; zero if none
	missed [][]byte           // frames that it needs before those that follow id
	events uint64             // in missed
	bytes  int                // of missed
	reset  stream.ResetReason // why it must fetch the state anew; "" if it need not
}

// resumeRequest parses a Last-Event-ID.
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

// expire records that the client cannot get all events that it missed: the broker no
// longer has them, or they are too many for its stream.
func (r *resumeRequest) expire() { *r = resumeRequest{id: r.id, reset: stream.ResetExpired} }

// locateLocked finds the position at which a client continues (rules G2, G3). Errors:
// errAhead and log.ErrBehind, if other nodes or the broker may have what this log does
// not. With Engine.mu held.
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
