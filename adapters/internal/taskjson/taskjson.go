// Package taskjson is the JSON of a task in the HTTP API: what ginapi writes and
// apiclient reads.
package taskjson

import (
	"encoding/json"
	"time"

	"heliograph/domain/task"
)

// Task is a task's status.
type Task struct {
	ID              task.ID         `json:"task_id"`
	Type            string          `json:"type"`
	Created         time.Time       `json:"created_at"` // RFC 3339, in UTC
	Status          task.Status     `json:"status"`
	CancelRequested bool            `json:"cancel_requested"`
	StartTime       *time.Time      `json:"start_time"` // nil until it ran
	EndTime         *time.Time      `json:"end_time"`   // nil until it ended
	Result          json.RawMessage `json:"result"`     // nil is null
	// Truncated says that a list has left the result out.
	Truncated bool          `json:"truncated,omitempty"`
	Error     *string       `json:"error"` // nil unless it failed, or waits for its next attempt
	Code      *string       `json:"code"`  // of the error, likewise
	Progress  task.Progress `json:"progress"`
	Seq       uint64        `json:"seq"`
	Attempt   int           `json:"attempt"`
	Labels    task.Labels   `json:"labels"`  // never null
	RunAt     *time.Time    `json:"run_at"`  // nil unless it was started with one
	NextAt    *time.Time    `json:"next_at"` // nil unless it waits for its time or its next attempt
	// Node and Worker are nil while the task waits; Worker also if the worker has no name.
	Node   *string `json:"node"`
	Worker *string `json:"worker"`
	// Params are there when the caller asks for them, and the type does not hide them.
	Params json.RawMessage `json:"params,omitempty"`
}

// Of returns the status of t, without its params.
func Of(t task.Task) Task {
	var code string
	if t.Status == task.Failed || t.Error != "" {
		code = t.Failure().Code
	}
	return Task{
		ID: t.ID, Type: t.Type, Created: t.Created.UTC(), Status: t.Status, CancelRequested: t.CancelRequested,
		StartTime: OrNull(t.Started.UTC()), EndTime: OrNull(t.Ended.UTC()),
		Result: t.Result, Truncated: t.Truncated, Error: OrNull(t.Error), Code: OrNull(code), Progress: t.Progress, Seq: t.Seq, Attempt: t.Attempt,
		Labels: t.Labels.OrEmpty(), RunAt: OrNull(t.RunAt.UTC()), NextAt: OrNull(t.NotBefore.UTC()), Node: OrNull(t.RunsOn), Worker: OrNull(t.Worker),
	}
}

// WithParams is Of with the params of t, null for none, unless they are hidden.
func WithParams(t task.Task) Task {
	s := Of(t)
	if s.Params = t.Params; t.Params == nil && !t.ParamsHidden {
		s.Params = json.RawMessage("null")
	}
	return s
}

// OrNull returns nil, JSON's null, for the zero value.
func OrNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
