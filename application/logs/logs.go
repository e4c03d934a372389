// Package logs shows operators the log of events, page by page.
package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"heliograph/domain/event"
)

const (
	// maxBytes bounds the payloads and audiences of a page: as much as a page of tasks has.
	maxBytes = 256 << 10
	// maxPayload bounds one payload; what is larger is left out. It is the default of
	// SSE_MAX_EVENT_BYTES, so that one is mostly shown.
	maxPayload = 64 << 10
	// maxLooked bounds how many events one call looks through, of which a filter may leave
	// hardly any.
	maxLooked = 10_000
	// maxAsked is how many the log is asked for at a time.
	maxAsked = 1000
)

// Reader implements event.LogReader. It is safe for concurrent use.
type Reader struct{ log event.Log }

var _ event.LogReader = (*Reader)(nil)

// New returns a Reader of log.
func New(log event.Log) *Reader { return &Reader{log: log} }

// Read implements event.LogReader.
func (r *Reader) Read(ctx context.Context, q event.LogQuery) (page event.LogPage, err error) {
	if page.Extent, err = r.log.Extent(ctx); err != nil {
		return event.LogPage{}, err
	}
	last := page.Extent.Last
	at := q.After
	if q.Newest > 0 {
		at = newest(page.Extent, q.Newest)
	}
	for looked := 0; at != last; {
		entries, gap, err := r.log.Read(ctx, at, asked(q, len(page.Entries)), maxBytes)
		if err != nil {
			return event.LogPage{}, err
		}
		page.Gap = page.Gap || gap
		if len(entries) == 0 {
			return page, nil // what was the newest is not there any more
		}
		var full bool
		at, full = take(&page, entries, q, at)
		looked += len(entries)
		switch {
		case full, looked >= maxLooked && at.Seq < last.Seq:
			page.Next = at
			return page, nil
		case at.Seq >= last.Seq:
			return page, nil
		}
	}
	return page, nil
}

// asked is how many events to ask the log for, for a page that has some already.
func asked(q event.LogQuery, have int) int {
	if q.Name != "" || q.Task != "" {
		return maxAsked
	}
	return min(maxAsked, q.Limit-have+1) // one more says whether another page follows
}

// take adds to the page what q selects of entries, up to the newest event that the log held
// when the page was begun. It returns how far it came from a place, and whether the page is full
// and something may follow.
func take(page *event.LogPage, entries []event.LogEntry, q event.LogQuery, from event.ID) (at event.ID, full bool) {
	held := 0
	for _, e := range page.Entries {
		held += size(e)
	}
	at = from
	for _, e := range entries {
		if e.ID.Seq > page.Extent.Last.Seq {
			return page.Extent.Last, false
		}
		if selects(q, e) {
			if len(e.Data) > maxPayload {
				e.Data = nil
			}
			held += size(e)
			if len(page.Entries) == q.Limit || held > maxBytes {
				return at, true
			}
			page.Entries = append(page.Entries, e)
		}
		at = e.ID
	}
	return at, false
}

// selects reports whether q does not leave e out.
func selects(q event.LogQuery, e event.LogEntry) bool {
	if q.Name != "" && e.Name != q.Name {
		return false
	}
	if q.Task == "" {
		return true
	}
	if !bytes.Contains(e.Data, []byte(q.Task)) { // most of them; this is quicker than to decode them
		return false
	}
	var data struct {
		TaskID string `json:"task_id"`
	}
	return json.Unmarshal(e.Data, &data) == nil && data.TaskID == q.Task
}

// size is what an event counts for in a page, in bytes.
func size(e event.LogEntry) int {
	n := len(e.Data)
	if e.Audience != nil {
		for _, name := range slices.Concat(e.Audience.Subjects, e.Audience.Roles, e.Audience.RequestIDs) {
			n += len(name)
		}
	}
	return n
}

// newest is the place that so many of the newest events follow: the zero ID if there are
// not more.
func newest(x event.LogExtent, n int) event.ID {
	if x.First.IsZero() || x.Last.Seq-x.First.Seq < uint64(n) { //nolint:gosec // n is more than 0
		return event.ID{}
	}
	return event.ID{Epoch: x.Last.Epoch, Seq: x.Last.Seq - uint64(n)} //nolint:gosec // n is more than 0
}
