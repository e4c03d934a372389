package task

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// marshalPlain is event.Marshal for what most events are, in less time: each
// task has at least two. ok is false for others.
func (e Event) marshalPlain() (text json.RawMessage, ok bool) {
	data, ok := plainData(e.Data)
	if !ok || !isPlain(string(e.Type)) || !isPlain(string(e.TaskID)) || !isPlain(e.TaskType) || !hasYear(e.Created) || !hasYear(e.Timestamp) {
		return nil, false
	}
	const others = 256 // bytes of all but the data, mostly
	text = append(make([]byte, 0, others+len(data)), `{"event_type":"`...)
	text = append(text, e.Type...)
	text = append(text, `","task_id":"`...)
	text = append(text, e.TaskID...)
	text = append(text, `","type":"`...)
	text = append(text, e.TaskType...)
	text = append(text, `","created_at":"`...)
	text = e.Created.AppendFormat(text, time.RFC3339Nano)
	text = append(text, `","timestamp":"`...)
	text = e.Timestamp.AppendFormat(text, time.RFC3339Nano)
	text = append(text, `","seq":`...)
	text = strconv.AppendUint(text, e.Seq, 10)
	text = append(text, `,"attempt":`...)
	text = strconv.AppendInt(text, int64(e.Attempt), 10)
	text = append(text, `,"data":`...)
	text = append(text, data...)
	if e.Truncated {
		text = append(text, `,"truncated":true`...)
	}
	return append(text, '}'), true
}

// plainData returns data if it is nothing or JSON without white space.
func plainData(data any) (text json.RawMessage, ok bool) {
	if data == nil {
		return json.RawMessage("null"), true
	}
	text, ok = data.(json.RawMessage)
	return text, ok && !bytes.ContainsAny(text, " \t\r\n") && json.Valid(text)
}

// isPlain reports whether text is the same in JSON.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// hasYear reports whether RFC 3339 has a form for at, in UTC.
func hasYear(at time.Time) bool {
	_, zone := at.Zone()
	return zone == 0 && at.Year() >= 0 && at.Year() <= 9999
}
