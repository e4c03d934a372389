package sse

import (
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
)

// Look returns what is known of a stream; ok is false if there is none of that token.
func (e *Engine) Look(token connection.Token) (d diagnosis.Stream, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.registry.byToken[token]
	if s == nil {
		return d, false
	}
	d = diagnosis.Stream{State: diagnosis.Live, Resumed: s.resumed, Reset: s.reset}
	if !s.single {
		head, off := e.log.Head(), s.offset.Load()
		if off < head.Off {
			d.Waiting = int(head.Off - off) //nolint:gosec // the log is in memory
			if at, there := e.log.At(off); there {
				d.Lag = int(head.Events() - at.Events()) //nolint:gosec // likewise
			}
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
