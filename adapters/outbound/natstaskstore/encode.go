package natstaskstore

import (
	"bytes"
	"encoding/json"
	"fmt"

	"heliograph/domain/task"
)

// encode writes t as JSON, by the names of its fields. The revision is the
// bucket's.
func encode(t task.Task) ([]byte, error) {
	t.Revision = 0
	t.Created, t.Started, t.Ended = t.Created.UTC(), t.Started.UTC(), t.Ended.UTC()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // params and result stay as they are
	if err := encoder.Encode(t); err != nil {
		return nil, fmt.Errorf("task %s: %w", t.ID, err)
	}
	return text.Bytes(), nil
}

// decode reads what encode wrote.
func decode(text []byte, revision uint64) (task.Task, error) {
	var t task.Task
	if err := json.Unmarshal(text, &t); err != nil {
		return task.Task{}, fmt.Errorf("task store: %w", err)
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
