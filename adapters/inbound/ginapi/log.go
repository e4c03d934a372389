package ginapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/domain/access"
	"heliograph/domain/event"
)

// logPage is the JSON of a part of the log.
type logPage struct {
	Events  []logEvent `json:"events"`
	Gap     bool       `json:"gap,omitempty"`
	Next    string     `json:"next,omitempty"`
	FirstID string     `json:"first_id,omitempty"`
	LastID  string     `json:"last_id"`
	Held    logSize    `json:"held"`
	Limit   logSize    `json:"limit"`
}

// logSize is how much the log holds, or may hold. What is 0 is left out, but for a log's
// contents, where it is known.
type logSize struct {
	Events  *int     `json:"events,omitempty"`
	Bytes   *int64   `json:"bytes,omitempty"`
	Seconds *float64 `json:"seconds,omitempty"`
}

// logEvent is the JSON of a log event.
type logEvent struct {
	ID        string           `json:"id"`
	EventType string           `json:"event_type"`
	At        *time.Time       `json:"at,omitempty"`
	Bytes     int              `json:"bytes"`
	Data      json.RawMessage  `json:"data"` // null if it is truncated
	Truncated bool             `json:"truncated,omitempty"`
	Audience  *access.Audience `json:"audience,omitempty"`
}

// readLog answers with a part of the log, and how far back it reaches.
func (o *Operators) readLog(c *gin.Context) (any, error) {
	q, err := parseLogQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	page, err := o.deps.Log.Read(c.Request.Context(), q)
	if err != nil {
		return nil, err
	}
	return logPageOf(page), nil
}

func parseLogQuery(raw string) (q event.LogQuery, err error) {
	values, err := parseValues(raw)
	if err != nil {
		return q, err
	}
	q.Name = values.Get("type")
	if given := values.Get("task"); given != "" {
		id, ok := parseID(given)
		if !ok {
			return q, invalidQuery(fmt.Sprintf("task: %.40q is not a UUID", given))
		}
		q.Task = string(id)
	}
	if q.Limit, err = parseNumber(values, "limit", defaultEntries, maxEntries); err != nil {
		return q, err
	}
	if q.Newest, err = parseNumber(values, "newest", 0, maxEntries); err != nil {
		return q, err
	}
	after := values.Get("after")
	if after == "" {
		return q, nil
	}
	if q.Newest > 0 {
		return q, invalidQuery("after and newest each say where to begin; give one of them")
	}
	q.After, err = event.ParseID(after)
	return q, err
}

func logPageOf(page event.LogPage) logPage {
	x := page.Extent
	answer := logPage{
		Events: make([]logEvent, len(page.Entries)), Gap: page.Gap, Next: idOrEmpty(page.Next), FirstID: idOrEmpty(x.First), LastID: x.Last.String(),
		Held:  logSize{Events: &x.Events, Bytes: &x.Bytes},
		Limit: logSize{Bytes: orNil(x.MaxBytes), Seconds: orNil(x.MaxAge.Seconds())},
	}
	if !x.Since.IsZero() {
		answer.Held.Seconds = new(max(0, time.Since(x.Since).Seconds()))
	}
	for i, e := range page.Entries {
		answer.Events[i] = logEvent{
			ID: e.ID.String(), EventType: e.Name, At: timeOrNil(e.At), Bytes: e.Bytes, Data: e.Data, Truncated: e.Data == nil, Audience: e.Audience,
		}
	}
	return answer
}

// idOrEmpty is an ID as text, "" for none.
func idOrEmpty(id event.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// orNil is v, or nil if it is zero, for what is left out then.
func orNil[V comparable](v V) *V {
	var zero V
	if v == zero {
		return nil
	}
	return &v
}

// timeOrNil is a time as it is written, or nil if it is not known.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
