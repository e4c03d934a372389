package sse

import (
	"errors"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// note records what became of something. What the stream wrote of the log is not recorded
// event by event, since its position tells that, but when something else is: see noteLog.
// With Stream.mu held.
func (s *Stream) note(e fates.Entry) {
	if s.fates == nil {
		s.fates = &fates.Log{Mark: s.joined}
	}
	s.fates.Add(e)
}

// noteLog records what the stream has written of the log up to a position. With Stream.mu
// held.
func (s *Stream) noteLog(at log.Position) {
	if e, any := s.unrecorded(at); any {
		s.note(e)
		s.fates.Mark = at.Events()
	}
}

// unrecorded is what noteLog records. With Stream.mu held.
func (s *Stream) unrecorded(at log.Position) (e fates.Entry, any bool) {
	from, seq := s.joined, uint64(0)
	if s.fates != nil {
		from, seq = s.fates.Mark, s.fates.LastSeq()
	}
	if s.single || at.Events() <= from {
		return e, false
	}
	e = fates.Entry{Kind: diagnosis.Written, Count: int(at.Events() - from), Seq: at.Seq, At: fates.Stamp(s.wrote.Load())} //nolint:gosec // the log is in memory
	if seq > 0 && seq < at.Seq {
		e.First = seq + 1
	}
	return e, true
}

// began records how a new stream, which nobody else has yet, begins.
func (s *Stream) began(behind uint64, reset stream.ResetReason, head log.Position) {
	now := fates.StampOf(time.Now())
	if reset != "" {
		s.reset = s.engine.encoder.words.Of(string(reset))
		s.note(fates.Entry{Kind: diagnosis.Reset, Why: s.reset, At: now})
	}
	if behind > 0 {
		s.note(fates.Entry{Kind: diagnosis.Replayed, Count: int(behind), Seq: head.Seq, At: now}) //nolint:gosec // what fits in memory
	}
}

// remember keeps the fates of a stream that has ended. lost is how many events it had not got.
func (e *Engine) remember(s *Stream, why error, lost int) {
	if errors.Is(why, errRefused) {
		return
	}
	now := fates.StampOf(time.Now())
	s.mu.Lock()
	s.noteLog(s.at)
	if lost > 0 {
		s.note(fates.Entry{Kind: diagnosis.Dropped, Count: lost, Why: e.encoder.words.Of(whyEnded(why)), At: now})
	}
	s.note(fates.Entry{Kind: diagnosis.Ended, Why: e.encoder.words.Of(whyEnded(why)), At: now})
	kept := s.fates
	s.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended.Add(s.token, kept)
}

// whyEnded says in plain words why a stream ended.
func whyEnded(why error) string {
	switch {
	case errors.Is(why, transport.ErrClientGone):
		return "the client, or a proxy before it, closed the connection"
	case errors.Is(why, transport.ErrEnded):
		return "the service ended the stream"
	case errors.Is(why, transport.ErrShutdown):
		return "the service was stopped"
	case errors.Is(why, transport.ErrSlowLog):
		return diagnosis.WhySlowLog
	case errors.Is(why, gateway.ErrStreamFull):
		return diagnosis.WhyFull
	case errors.Is(why, transport.ErrStalled):
		return diagnosis.WhyStalled
	default:
		return "the connection broke"
	}
}

// Fates returns what became of the last events for a stream that is open or ended lately.
func (e *Engine) Fates(token connection.Token) []diagnosis.Fate {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.registry.byToken[token]
	if s == nil {
		return fates.Fates(e.ended.Of(token).All(), &e.encoder.words, e.encoder.epoch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.fates.All()
	if at, there := e.written(s); there {
		if more, any := s.unrecorded(at); any {
			entries = append(entries, more)
		}
	}
	return fates.Fates(entries, &e.encoder.words, e.encoder.epoch)
}

// written is up to where a stream has written the log, if that is known. With Engine.mu held.
func (e *Engine) written(s *Stream) (at log.Position, known bool) {
	head, off := e.log.Head(), s.offset.Load()
	if off >= head.Off {
		return head, true
	}
	return e.log.At(off)
}
