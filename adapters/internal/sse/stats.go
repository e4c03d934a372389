package sse

import (
	"errors"
	"sync/atomic"

	"heliograph/domain/gateway"
)

// Stats is what an engine is and has done since it was made.
type Stats struct {
	Streams      int    // open now
	LogBytes     int    // memory of the log now
	WrittenBytes uint64 // to all streams
	// Slow counts the slow consumers that were disconnected, by why.
	Slow SlowStats
	// Replays counts streams that resumed and were behind; ReplayedEvents the log
	// events that they got again.
	Replays, ReplayedEvents uint64
	// Resets counts stream_reset, by reason.
	Resets map[ResetReason]uint64
}

// SlowStats counts slow consumers (rule G4).
type SlowStats struct {
	Log     uint64 // fell out of the log
	Private uint64 // were over the limit of private events
	Stalled uint64 // took nothing for too long
}

type counters struct {
	written                           atomic.Uint64
	slowLog, slowPrivate, slowStalled atomic.Uint64
	replays, replayed                 atomic.Uint64
	expired, otherEpoch, invalid      atomic.Uint64
}

// Stats returns the figures as of now.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	streams, held := len(e.streams), e.log.held
	e.mu.Unlock()
	return Stats{
		Streams: streams, LogBytes: held, WrittenBytes: e.written.Load(),
		Slow:    SlowStats{Log: e.slowLog.Load(), Private: e.slowPrivate.Load(), Stalled: e.slowStalled.Load()},
		Replays: e.replays.Load(), ReplayedEvents: e.replayed.Load(),
		Resets: map[ResetReason]uint64{
			ResetExpired: e.expired.Load(), ResetEpoch: e.otherEpoch.Load(), ResetInvalid: e.invalid.Load(),
		},
	}
}

// countAttach counts a stream that begins behind by so many events.
func (c *counters) countAttach(behind uint64, reset ResetReason) {
	if behind > 0 {
		c.replays.Add(1)
		c.replayed.Add(behind)
	}
	switch reset {
	case ResetExpired:
		c.expired.Add(1)
	case ResetEpoch:
		c.otherEpoch.Add(1)
	case ResetInvalid:
		c.invalid.Add(1)
	}
}

// countEnd counts why a stream ended, and reports whether it was a slow
// consumer.
func (c *counters) countEnd(why error) (slow bool) {
	switch {
	case errors.Is(why, errSlowLog):
		c.slowLog.Add(1)
	case errors.Is(why, gateway.ErrStreamFull):
		c.slowPrivate.Add(1)
	case errors.Is(why, errStalled):
		c.slowStalled.Add(1)
	default:
		return false
	}
	return true
}
