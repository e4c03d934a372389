package httpsender

import (
	"context"
	"errors"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
)

// Gateway implements diagnosis.Streams.
func (*Sender) Gateway() diagnosis.Gateway { return diagnosis.External }

// Stream implements diagnosis.Streams. What the gateway keeps for the stream it does not
// tell.
func (s *Sender) Stream(c connection.Connection) (d diagnosis.Stream, ok bool) {
	s.trunk.look(c, &d)
	s.trunk.lanes.look(c.Token, &d)
	d.Reset = s.fates.resetOf(c.Token)
	switch {
	case d.State != "":
	case s.trunk.link.isDown():
		d.State = diagnosis.Unreachable
	case d.Lag > 0:
		d.State = diagnosis.Behind
	default:
		d.State = diagnosis.Live
	}
	return d, true
}

// look adds what waits for all streams together and is for c.
func (t *trunk) look(c connection.Connection, d *diagnosis.Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue.messages)+len(t.inFlight.messages) == 0 {
		return
	}
	v := c.Viewer()
	for _, waiting := range [][]*message{t.inFlight.messages, t.queue.messages} {
		for _, m := range waiting {
			if m.token == c.Token || !m.private() && m.visibleTo(v) {
				d.Lag++
				d.Waiting += len(m.fields)
			}
		}
	}
}

// look adds what waits for one stream.
func (ls *lanes) look(token connection.Token, d *diagnosis.Stream) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.byToken[token]
	if l == nil {
		return
	}
	d.Lag += len(l.front.messages) + len(l.queue.messages)
	d.Waiting += l.front.bytes + l.queue.bytes
	switch {
	case l.end != endNone:
		d.State = diagnosis.Ending
	case l.resync || l.state.recovers():
		d.State = diagnosis.Recovering
	}
}

// Reach implements diagnosis.Streams, by the broker's log.
func (s *Sender) Reach(ctx context.Context, c connection.Connection, id event.ID) diagnosis.Reach {
	if id.Seq == 0 {
		return diagnosis.ReachUnknown
	}
	page, err := s.resumer.history.After(ctx, event.ID{Epoch: id.Epoch, Seq: id.Seq - 1}, 1)
	switch {
	case errors.Is(err, event.ErrEpoch):
		return diagnosis.ReachEpoch
	case errors.Is(err, event.ErrExpired):
		return diagnosis.ReachGone
	case errors.Is(err, event.ErrInvalidID), err == nil && len(page) == 0:
		return diagnosis.ReachFuture
	case err != nil || page[0].ID != id:
		return diagnosis.ReachUnknown
	case page[0].Event.Audience.Includes(c.Viewer()):
		return diagnosis.ReachOwn
	default:
		return diagnosis.ReachOther
	}
}
