package mempublisher

import (
	"slices"
	"time"

	"heliograph/domain/event"
)

// recordSize is about what a record costs beside its texts, in bytes.
const recordSize = 160

// history is the newest records of the log, without a gap. They are guarded by
// the publisher's mutex.
type history struct {
	limit   int // of bytes
	bytes   int
	records []event.Record // oldest first
	times   []time.Time    // when each was added
}

// add appends rec, and lets the oldest go that there is no more room for.
func (h *history) add(rec event.Record) {
	h.records, h.times = append(h.records, rec), append(h.times, time.Now())
	h.bytes += size(rec)
	for h.bytes > h.limit {
		h.bytes -= size(h.records[0])
		h.records[0] = event.Record{} // the array may live on
		h.records, h.times = h.records[1:], h.times[1:]
	}
}

// last returns the first of the n newest records, at most limit of them. Errors:
// event.ErrExpired.
func (h *history) last(n uint64, limit int) ([]event.Record, error) {
	if n > uint64(len(h.records)) {
		return nil, event.ErrExpired
	}
	tail := h.records[len(h.records)-int(n):] //nolint:gosec // n is at most the length
	return slices.Clone(tail[:min(limit, len(tail))]), nil
}

func size(rec event.Record) int {
	return recordSize + len(rec.Event.Name) + len(rec.Event.Key) + len(rec.Event.Data)
}
