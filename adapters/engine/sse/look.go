package sse

import (
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// Look returns what is known of a stream; ok is false if there is none of that token.
func (e *Engine) Look(token connection.Token) (d diagnosis.Stream, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.registry.byToken[token]
	if s == nil {
		return d, false
	}
	d = diagnosis.Stream{State: diagnosis.Live, Resumed: s.resumed, Reset: stream.ResetReason(e.encoder.words.Text(s.reset))}
	if !s.single {
		head, off := e.log.Head(), s.offset.Load()
		d.Waiting = int(max(head.Off, off) - off) //nolint:gosec // the log is in memory
		if at, there := e.written(s); there {
			d.Lag = int(head.Events() - at.Events()) //nolint:gosec // likewise
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue != nil {
		for _, p := range s.queue.private {
			if p.size() > 0 && !p.raw {
				d.Lag++
				d.Waiting += p.size()
			}
		}
	}
	if s.member != nil {
		for _, n := range s.member.missed {
			d.Lag += n
		}
	}
	switch {
	case s.verdict != nil || s.queue != nil && s.queue.final:
		d.State = diagnosis.Ending
	case d.Lag > 0:
		d.State = diagnosis.Behind
	}
	return d, true
}

// Reach says whether an event of the log is for a stream.
func (e *Engine) Reach(c connection.Connection, id event.ID) diagnosis.Reach {
	e.mu.Lock()
	defer e.mu.Unlock()
	v := c.Viewer()
	switch head := e.head(); {
	case id.Epoch != e.encoder.epoch:
		return diagnosis.ReachEpoch
	case id.Seq > head.Seq:
		return diagnosis.ReachFuture
	case id.Seq <= e.log.Tail().Seq && id.Seq <= e.audiences.dropped(v):
		return diagnosis.ReachGone
	}
	if at, err := e.log.After(id.Seq); err == nil && at.Seq == id.Seq {
		return diagnosis.ReachOwn
	}
	if e.audiences.log != nil {
		page, _ := e.audiences.log.Page(keysOf(v), id.Seq-1, id.Seq, 1)
		if len(page) > 0 && page[0].Seq == id.Seq {
			return diagnosis.ReachOwn
		}
		return diagnosis.ReachOther
	}
	return diagnosis.ReachUnknown
}
