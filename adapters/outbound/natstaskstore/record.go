package natstaskstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/access"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// recordFormat is that of the records that are written. It grows when an earlier
// version must not read them any more: fields that are only added are carried along
// by versions that do not know them. Records of format 0 have no such field.
const (
	recordFormat = 1
	// audienceFormat is that of tasks which are not for everyone: a node that knows no
	// audiences would show them to all.
	audienceFormat = 2
	// scheduledFormat is that of tasks whose time has not come: a node that knows no run_at
	// would begin them at once. When they are begun they have one of the others.
	scheduledFormat = 3
)

// taskRecord is what is stored of a task, as JSON. The names are those of format 0.
type taskRecord struct {
	Format            int             `json:"format"`
	ID                task.ID         `json:"ID"`
	Type              string          `json:"Type"`
	Params            json.RawMessage `json:"Params,omitempty"`
	IdempotencyKey    string          `json:"IdempotencyKey,omitempty"`
	Status            task.Status     `json:"Status"`
	CancelRequested   bool            `json:"CancelRequested,omitempty"`
	Created           time.Time       `json:"Created"`
	Started           time.Time       `json:"Started,omitzero"`
	Ended             time.Time       `json:"Ended,omitzero"`
	Result            json.RawMessage `json:"Result,omitempty"`
	Error             string          `json:"Error,omitempty"`
	Progress          progressRecord  `json:"Progress"`
	Seq               uint64          `json:"Seq,omitempty"`
	Attempt           int             `json:"Attempt"`
	Lease             task.Lease      `json:"Lease,omitempty"`
	Node              cluster.Life    `json:"Node,omitempty"`
	OwnerGeneration   uint64          `json:"Hands,omitempty"`
	Ran               time.Duration   `json:"Ran,omitempty"`
	Signs             uint64          `json:"Signs,omitempty"`
	Relayed           []relayedRecord `json:"Relayed,omitempty"`
	FinalEventPending bool            `json:"Untold,omitempty"`
	NotBefore         time.Time       `json:"NotBefore,omitzero"`
	Owner             string          `json:"Owner,omitempty"`

	Audience *access.Audience `json:"Audience,omitempty"` // nil is everyone
	Labels   task.Labels      `json:"Labels,omitempty"`
	RunAt    time.Time        `json:"RunAt,omitzero"`

	LeasedToStarter bool   `json:"LeasedToStarter,omitempty"`
	CancelSeq       uint64 `json:"CancelSeq,omitempty"`
	Removed         bool   `json:"Removed,omitempty"`
	ErrorCode       string `json:"ErrorCode,omitempty"`
	RunsOn          string `json:"RunsOn,omitempty"`
	Worker          string `json:"Worker,omitempty"`

	// Format 0 has these as well, always false and 0.
	Truncated bool   `json:"Truncated,omitempty"`
	Revision  uint64 `json:"Revision,omitempty"`
}

// progressRecord is what is stored of a task's progress.
type progressRecord struct {
	Text   string  `json:"text"`
	Value  float64 `json:"value"`
	Stage  int     `json:"stage,omitempty"`
	Stages int     `json:"stages,omitempty"`
	Done   float64 `json:"done,omitempty"`
	Total  float64 `json:"total,omitempty"`
	Unit   string  `json:"unit,omitempty"`
}

// relayedRecord is what is stored of a report that another node took.
type relayedRecord struct {
	Sign   uint64       `json:"Sign"`
	Update updateRecord `json:"Update"`
}

type updateRecord struct {
	Text   *string  `json:"text,omitempty"`
	Value  *float64 `json:"value,omitempty"`
	Stage  *int     `json:"stage,omitempty"`
	Stages *int     `json:"stages,omitempty"`
	Done   *float64 `json:"done,omitempty"`
	Total  *float64 `json:"total,omitempty"`
	Unit   *string  `json:"unit,omitempty"`
}

// knownFields are the names of taskRecord's fields.
var knownFields = natsbroker.FieldNames(taskRecord{})

// encode returns the record of t, and t as decode makes it of that, but for the
// revision, which is the bucket's.
func encode(t task.Task) (stored task.Task, text []byte, err error) {
	t.Created, t.Started, t.Ended, t.NotBefore, t.RunAt = plain(t.Created), plain(t.Started), plain(t.Ended), plain(t.NotBefore), plain(t.RunAt)
	t.Params, t.Result = orNil(compact(t.Params)), orNil(compact(t.Result))
	t.Truncated, t.Term = false, 0
	record := recordOf(t)
	if text, err = record.marshal(); err == nil {
		text, err = natsbroker.WithUnknown(text, t.Unknown)
	}
	if err != nil {
		return t, nil, fmt.Errorf("task %s: %w", t.ID, err)
	}
	return t, text, nil
}

// recordOf returns the record of a task whose values are as decode makes them.
func recordOf(t task.Task) taskRecord {
	var relayed []relayedRecord
	for _, r := range t.Relayed {
		relayed = append(relayed, relayedRecord{r.Number, updateRecord(r.Update)})
	}
	format := recordFormat
	if t.Audience != nil {
		format = audienceFormat
	}
	if t.Scheduled() {
		format = scheduledFormat
	}
	return taskRecord{
		Format: format, ID: t.ID, Type: t.Type, Params: t.Params, IdempotencyKey: t.IdempotencyKey, Status: t.Status,
		CancelRequested: t.CancelRequested, Created: t.Created, Started: t.Started, Ended: t.Ended, Result: t.Result, Error: t.Error,
		Progress: progressRecord(t.Progress), Seq: t.Seq, Attempt: t.Attempt, Lease: t.Lease, Node: t.Node, OwnerGeneration: t.OwnerGeneration,
		Ran: t.Ran, Signs: t.Reports, Relayed: relayed, FinalEventPending: t.FinalEventPending, NotBefore: t.NotBefore,
		Owner: t.Owner, Audience: t.Audience, Labels: t.Labels, LeasedToStarter: t.LeasedToStarter, CancelSeq: t.CancelSeq, Removed: t.Removed, RunAt: t.RunAt,
		ErrorCode: t.ErrorCode, RunsOn: t.RunsOn, Worker: t.Worker,
	}
}

// plain returns at as JSON keeps it: in UTC, without the clock of this process.
func plain(at time.Time) time.Time { return at.UTC().Round(0) }

// decode reads the record of the task of that ID, as any version wrote it.
func decode(id task.ID, text []byte, revision uint64) (task.Task, error) {
	var r taskRecord
	unknown, err := natsbroker.DecodeRecord(text, &r, knownFields)
	if err == nil {
		err = natsbroker.CheckFormat(r.Format, scheduledFormat)
	}
	switch {
	case err != nil:
		return task.Task{}, fmt.Errorf("task store: %w", err)
	case r.ID != id || !r.Status.Valid():
		return task.Task{}, fmt.Errorf("task store: no record of task %s: its ID is %q and its status %q", id, r.ID, r.Status)
	}
	var relayed []task.Relayed
	for _, given := range r.Relayed {
		relayed = append(relayed, task.Relayed{Number: given.Sign, Update: task.Update(given.Update)})
	}
	return task.Task{
		ID: r.ID, Type: r.Type, Params: orNil(r.Params), IdempotencyKey: r.IdempotencyKey, Status: r.Status,
		CancelRequested: r.CancelRequested, Created: r.Created, Started: r.Started, Ended: r.Ended, Result: orNil(r.Result), Error: r.Error,
		Progress: task.Progress(r.Progress), Seq: r.Seq, Attempt: r.Attempt, Lease: r.Lease, Node: r.Node, OwnerGeneration: r.OwnerGeneration,
		Ran: r.Ran, Reports: r.Signs, Relayed: relayed, FinalEventPending: r.FinalEventPending, NotBefore: r.NotBefore,
		Owner: r.Owner, Audience: r.Audience, Labels: r.Labels, LeasedToStarter: r.LeasedToStarter, CancelSeq: r.CancelSeq, Removed: r.Removed, RunAt: r.RunAt,
		ErrorCode: r.ErrorCode, RunsOn: r.RunsOn, Worker: r.Worker,
		Unknown: unknown, Revision: revision,
	}, nil
}

// orNil makes JSON's null what it was before it was written.
func orNil(value json.RawMessage) json.RawMessage {
	if string(value) == "null" {
		return nil
	}
	return value
}

// compact returns a value as JSON's encoder writes it: without spaces around what it is
// made of. One that is not JSON stays as it is, and cannot be encoded.
func compact(value json.RawMessage) json.RawMessage {
	if !bytes.ContainsAny(value, " \t\r\n") {
		return value
	}
	var text bytes.Buffer
	if err := json.Compact(&text, value); err != nil {
		return value
	}
	return text.Bytes()
}

// keyRecord is what is stored for an Idempotency-Key: which task has it. Format 0 is
// a copy of the task as it was started, of which only the ID counts.
type keyRecord struct {
	Format int     `json:"format"`
	ID     task.ID `json:"ID"`
	// Status and Ended are for nodes that know format 0 only, which make a task of this
	// record when there is none: one that has ended, so that nothing runs.
	Status task.Status `json:"Status"`
	Ended  time.Time   `json:"Ended"`
}

func encodeKey(id task.ID) ([]byte, error) {
	return json.Marshal(keyRecord{Format: recordFormat, ID: id, Status: task.Cancelled, Ended: plain(time.Now())})
}

// decodeKey reads what any version wrote.
func decodeKey(text []byte) (task.ID, error) {
	var r keyRecord
	err := json.Unmarshal(text, &r)
	if err == nil {
		err = natsbroker.CheckFormat(r.Format, recordFormat)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("task store: record of an Idempotency-Key: %w", err)
	case r.ID == "":
		return "", errors.New("task store: record of an Idempotency-Key names no task")
	}
	return r.ID, nil
}
