package sse

import (
	"errors"
	"slices"
	"sync/atomic"

	"heliograph/adapters/engine/sse/transport"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// Stats holds an engine's state and what it has counted since it was made.
type Stats struct {
	Streams      int    // open now
	LogBytes     int    // memory of the log now
	WrittenBytes uint64 // to all streams
	// Slow counts the slow consumers that were disconnected, by why.
	Slow SlowStats
	// Ends counts the streams that ended, by why.
	Ends map[End]uint64
	// Replays counts streams that resumed and were behind; ReplayedEvents the log
	// events that they got again.
	Replays, ReplayedEvents uint64
	// Resets counts stream_reset, by reason.
	Resets map[stream.ResetReason]uint64
}

// SlowStats counts slow consumers (rule G4).
type SlowStats struct {
	Log     uint64 // fell out of the log
	Private uint64 // were over the limit of private events
	Stalled uint64 // took nothing for too long
}

// End is why a stream ended.
type End string

// The ends. SlowStats distinguishes those of slow consumers too.
const (
	EndClientGone  End = "client_gone"  // its client went away
	EndClosed      End = "closed"       // it was replaced, rejected or drained
	EndShutdown    End = "shutdown"     // it was cut off when the engine stopped
	EndSlowLog     End = "slow_log"     // it fell out of the log
	EndSlowPrivate End = "slow_private" // it was over the limit of private events
	EndStalled     End = "stalled"      // it took nothing for too long, or its client vanished
	EndBroken      End = "broken"       // its connection broke
)

// ends are all of them, with the errors that they are for.
var ends = []cause{
	{EndClientGone, transport.ErrClientGone},
	{EndClosed, transport.ErrEnded},
	{EndShutdown, transport.ErrShutdown},
	{EndSlowLog, transport.ErrSlowLog},
	{EndSlowPrivate, gateway.ErrStreamFull},
	{EndStalled, transport.ErrStalled},
	{EndBroken, nil}, // any other
}

type cause struct {
	end End
	why error
}

type counters struct {
	ends                              [7]atomic.Uint64 // by index in ends
	written                           atomic.Uint64
	slowLog, slowPrivate, slowStalled atomic.Uint64
	replays, replayed                 atomic.Uint64
	expired, otherEpoch, invalid      atomic.Uint64
}

// Stats returns the figures as of now.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	c, streams, held := &e.counted, len(e.registry.byToken), e.log.Held()+e.audiences.held()
	e.mu.Unlock()
	all := make(map[End]uint64, len(ends))
	for i := range ends {
		all[ends[i].end] = c.ends[i].Load()
	}
	return Stats{
		Streams: streams, LogBytes: held, WrittenBytes: c.written.Load(),
		Slow:    SlowStats{Log: c.slowLog.Load(), Private: c.slowPrivate.Load(), Stalled: c.slowStalled.Load()},
		Ends:    all,
		Replays: c.replays.Load(), ReplayedEvents: c.replayed.Load(),
		Resets: map[stream.ResetReason]uint64{
			stream.ResetExpired: c.expired.Load(), stream.ResetEpoch: c.otherEpoch.Load(), stream.ResetInvalid: c.invalid.Load(),
		},
	}
}

// attached counts a stream that begins behind by so many events.
func (c *counters) attached(behind uint64, reset stream.ResetReason) {
	if behind > 0 {
		c.replays.Add(1)
		c.replayed.Add(behind)
	}
	switch reset {
	case stream.ResetExpired:
		c.expired.Add(1)
	case stream.ResetEpoch:
		c.otherEpoch.Add(1)
	case stream.ResetInvalid:
		c.invalid.Add(1)
	}
}

// ended counts why a stream ended, and reports whether it was a slow
// consumer.
func (c *counters) ended(why error) (slow bool) {
	if !errors.Is(why, errRefused) {
		c.ends[slices.IndexFunc(ends, func(e cause) bool { return e.why == nil || errors.Is(why, e.why) })].Add(1)
	}
	switch {
	case errors.Is(why, transport.ErrSlowLog):
		c.slowLog.Add(1)
	case errors.Is(why, gateway.ErrStreamFull):
		c.slowPrivate.Add(1)
	case errors.Is(why, transport.ErrStalled):
		c.slowStalled.Add(1)
	default:
		return false
	}
	return true
}
