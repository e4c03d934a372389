package sse

import (
	"time"

	"heliograph/adapters/engine/sse/wire"
)

// never stands for a heartbeat interval without end.
const never = 100 * 365 * 24 * time.Hour

// heartbeats decides when a silent log gets a comment (rule G5).
type heartbeats struct {
	interval  time.Duration // 0 is never
	last      time.Time     // when something was appended
	lastPing  time.Time     // zero before the first ping
	pingEvery time.Duration // from the ping before to the last one
}

// newHeartbeats begins an interval now. pingEvery is how often pings are expected; 0 is
// unknown.
func newHeartbeats(interval, pingEvery time.Duration) heartbeats {
	h := heartbeats{interval: interval, last: time.Now()}
	if pingEvery > 0 {
		h.lastPing, h.pingEvery = h.last, pingEvery
	}
	return h
}

// appended records that something was appended to the log.
func (h *heartbeats) appended() { h.last = time.Now() }

// pinged records that a ping was appended.
func (h *heartbeats) pinged() {
	now := time.Now()
	if !h.lastPing.IsZero() {
		h.pingEvery = now.Sub(h.lastPing)
	}
	h.lastPing = now
}

// due is when a comment is sent unless something else was: at the end of the interval,
// or a tenth later while pings come about as often, which make the heartbeat
// unnecessary.
func (h *heartbeats) due() time.Time {
	slack := h.interval / 10
	due := h.last.Add(h.interval)
	if !h.lastPing.IsZero() && time.Since(h.lastPing) <= h.interval+slack && h.pingEvery <= h.interval+slack {
		due = due.Add(slack)
	}
	return due
}

// beat appends a comment if the log has been silent for the interval, and returns when to
// look again.
func (e *Engine) beat() time.Duration {
	if e.cfg.Heartbeat == 0 {
		return never
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !time.Now().Before(e.beats.due()) {
		e.log.AppendControl([]byte(wire.Heartbeat))
		e.audiences.queueForSingles("", []byte(wire.Heartbeat))
		Locked{e}.appended()
	}
	return time.Until(e.beats.due())
}
