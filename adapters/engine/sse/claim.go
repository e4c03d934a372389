package sse

import (
	"heliograph/adapters/engine/sse/log"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// claim is what a client says that it has had, and what was found out about it.
type claim struct {
	id     event.ID           // the last event that it has had, or has got by missed; zero if it had none
	missed [][]byte           // frames that it needs before those that follow id
	events uint64             // in missed
	bytes  int                // of missed
	reset  stream.ResetReason // why it has to begin anew; "" if nothing is known against it
}

// claim reads a Last-Event-ID.
func (e *Engine) claim(lastEventID string) claim {
	if lastEventID == "" {
		return claim{}
	}
	id, err := event.ParseID(lastEventID)
	switch {
	case err != nil:
		return claim{reset: stream.ResetInvalid}
	case id.Epoch != e.log.Epoch():
		return claim{reset: stream.ResetEpoch}
	}
	return claim{id: id}
}

// expire says that something of what the client needs cannot be had.
func (c *claim) expire() { *c = claim{id: c.id, reset: stream.ResetExpired} }

// locateLocked finds where a client goes on (rules G2, G3). Errors: errAhead and
// log.ErrBehind, if others may know more than this log. With Engine.mu held.
func (e *Engine) locateLocked(c claim) (log.Position, stream.ResetReason, error) {
	head := e.log.Head()
	switch {
	case c.reset != "" || c.id.IsZero():
		return head, c.reset, nil
	case c.id.Seq > head.Seq && e.past.history != nil:
		return log.Position{}, "", errAhead
	case c.id.Seq > head.Seq:
		return head, stream.ResetInvalid, nil
	}
	at, err := e.log.After(c.id.Seq)
	if err != nil && e.past.history == nil {
		return head, stream.ResetExpired, nil
	}
	return at, "", err
}
