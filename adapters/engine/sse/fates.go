package sse

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/diagnosis"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// record is what became of the events that were for a stream. It is guarded by Stream.mu, but
// for what is set before anything else has the stream.
type record struct {
	log     *fates.Log    // but for the events of the log that it has written since; nil for nothing
	joined  uint64        // log events before it was attached, which were not counted for it; set before it is written
	wrote   atomic.Uint32 // fates.Stamp of when the newest event that it has of the log was published
	reset   fates.Word    // why it could not go on where its client was
	resumed bool          // its client brought the ID of its last event
}

// skipLog is for a stream that does not read the log.
func (r *record) skipLog() {
	r.joined = math.MaxUint64
	if r.log != nil {
		r.log.Mark = r.joined
	}
}

// note records what became of something. What the stream wrote of the log is not recorded
// event by event, since its position tells that, but when something else is: see noteLog.
func (r *record) note(e fates.Entry) {
	if r.log == nil {
		r.log = &fates.Log{Mark: r.joined}
	}
	r.log.Add(e)
}

// noteLog records what the stream has written of the log up to a position.
func (r *record) noteLog(at log.Position) {
	if e, any := r.unrecorded(at); any {
		r.note(e)
		r.log.Mark = at.Events()
	}
}

// unrecorded is what noteLog records.
func (r *record) unrecorded(at log.Position) (e fates.Entry, any bool) {
	from, seq := r.joined, uint64(0)
	if r.log != nil {
		from, seq = r.log.Mark, r.log.LastSeq()
	}
	if at.Events() <= from {
		return e, false
	}
	e = fates.Entry{Kind: diagnosis.Written, Count: int(at.Events() - from), Seq: at.Seq, At: fates.Stamp(r.wrote.Load())} //nolint:gosec // the log is in memory
	if seq > 0 && seq < at.Seq {
		e.First = seq + 1
	}
	return e, true
}

// began records how the stream begins: so many events behind head, which its client gets
// first, or with a reset.
func (r *record) began(behind uint64, reset stream.ResetReason, words *fates.Words, head log.Position) {
	now := fates.StampOf(time.Now())
	if reset != "" {
		r.reset = words.Of(string(reset))
		r.note(fates.Entry{Kind: diagnosis.Reset, Why: r.reset, At: now})
	}
	if behind > 0 {
		r.note(fates.Entry{Kind: diagnosis.Replayed, Count: int(behind), Seq: head.Seq, At: now}) //nolint:gosec // what fits in memory
	}
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
