package natstaskstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// keyRecord is what is stored for an Idempotency-Key: which task has it. Records
// of before 1.0 hold a copy of the task as it was started, of which only the ID
// counts.
type keyRecord struct {
	Version int     `json:"v"`
	ID      task.ID `json:"ID"`
	// Status and Ended are for nodes of earlier versions, which make a task of this record
	// when there is none: one that has ended, so that nothing runs.
	Status task.Status `json:"Status"`
	Ended  time.Time   `json:"Ended"`
}

// keyVersion is that of the keyRecords that are written.
const keyVersion = 2

func encodeKey(id task.ID) ([]byte, error) {
	return json.Marshal(keyRecord{Version: keyVersion, ID: id, Status: task.Cancelled, Ended: time.Now().UTC()})
}

// decodeKey reads what any version wrote.
func decodeKey(text []byte) (task.ID, error) {
	var r keyRecord
	if err := json.Unmarshal(text, &r); err != nil {
		return "", fmt.Errorf("task store: record of an Idempotency-Key: %w", err)
	}
	if r.ID == "" {
		return "", errors.New("task store: record of an Idempotency-Key: it names no task")
	}
	return r.ID, nil
}
