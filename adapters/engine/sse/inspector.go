package sse

import (
	"errors"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// Inspector says what is known of single streams, for those who ask why something did not
// arrive. It is safe for concurrent use.
type Inspector struct {
	engine *Engine
	ended  fates.Ended // of streams that have ended lately; guarded by Engine.mu
}

// Inspector returns the one of e's streams.
func (e *Engine) Inspector() *Inspector { return &e.inspector }

// Look returns what is known of a stream; ok is false if there is none of that token.
func (i *Inspector) Look(token connection.Token) (d diagnosis.Stream, ok bool) {
	e := i.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.registry.byToken[token]
	if s == nil {
		return d, false
	}
	d = diagnosis.Stream{State: diagnosis.Live, Resumed: s.record.resumed, Reset: stream.ResetReason(e.encoder.words.Text(s.record.reset))}
	if !s.single {
		head, off := e.log.Head(), s.offset.Load()
		d.Waiting = int(max(head.Off, off) - off) //nolint:gosec // the log is in memory
		if at, there := i.written(s); there {
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
func (i *Inspector) Reach(c connection.Connection, id event.ID) diagnosis.Reach {
	e := i.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	v := c.Viewer()
	switch head := e.audiences.head(); {
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

// remember keeps the fates of a stream that has ended. lost is how many events it had not got.
func (i *Inspector) remember(s *Stream, why error, lost int) {
	if errors.Is(why, errRefused) {
		return
	}
	e := i.engine
	now := fates.StampOf(time.Now())
	s.mu.Lock()
	s.record.noteLog(s.at)
	if lost > 0 {
		s.record.note(fates.Entry{Kind: diagnosis.Dropped, Count: lost, Why: e.encoder.words.Of(whyEnded(why)), At: now})
	}
	s.record.note(fates.Entry{Kind: diagnosis.Ended, Why: e.encoder.words.Of(whyEnded(why)), At: now})
	kept := s.record.log
	s.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	i.ended.Add(s.token, kept)
}

// Fates returns what became of the last events for a stream that is open or ended lately.
func (i *Inspector) Fates(token connection.Token) []diagnosis.Fate {
	e := i.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.registry.byToken[token]
	if s == nil {
		return fates.Fates(i.ended.Of(token).All(), &e.encoder.words, e.encoder.epoch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.record.log.All()
	if at, there := i.written(s); there {
		if more, any := s.record.unrecorded(at); any {
			entries = append(entries, more)
		}
	}
	return fates.Fates(entries, &e.encoder.words, e.encoder.epoch)
}

// written is up to where a stream has written the log, if that is known. With Engine.mu held.
func (i *Inspector) written(s *Stream) (at log.Position, known bool) {
	head, off := i.engine.log.Head(), s.offset.Load()
	if off >= head.Off {
		return head, true
	}
	return i.engine.log.At(off)
}
