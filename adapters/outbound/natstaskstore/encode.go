package natstaskstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// encode returns the record of t, as JSON by the names of its fields, and t as
// decode makes it of that, but for the revision, which is the bucket's.
func encode(t task.Task) (stored task.Task, text []byte, err error) {
	t.Revision = 0
	t.Created, t.Started, t.Ended, t.NotBefore = plain(t.Created), plain(t.Started), plain(t.Ended), plain(t.NotBefore)
	t.Params, t.Result = orNil(t.Params), orNil(t.Result)
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false) // params and result stay as they are
	if err := encoder.Encode(t); err != nil {
		return t, nil, fmt.Errorf("task %s: %w", t.ID, err)
	}
	return t, buffer.Bytes(), nil
}

// plain returns at as JSON keeps it: in UTC, without the clock of this process.
func plain(at time.Time) time.Time { return at.UTC().Round(0) }

// decode reads what encode wrote for the task of that ID.
func decode(id task.ID, text []byte, revision uint64) (task.Task, error) {
	var t task.Task
	if err := json.Unmarshal(text, &t); err != nil {
		return task.Task{}, fmt.Errorf("task store: %w", err)
	}
	if t.ID != id || !t.Status.Valid() {
		return task.Task{}, fmt.Errorf("task store: no record of task %s: its ID is %q and its status %q", id, t.ID, t.Status)
	}
	t.Params, t.Result = orNil(t.Params), orNil(t.Result)
	t.Revision = revision
	return t, nil
}

// orNil makes JSON's null what it was before it was written.
func orNil(value json.RawMessage) json.RawMessage {
	if string(value) == "null" {
		return nil
	}
	return value
}
