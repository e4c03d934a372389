package task

import (
	"fmt"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/event"
)

// Names of the SSE events that carry tasks.
const (
	EventName    = "task_event"    // something happened to a task; a log event
	SnapshotName = "task_snapshot" // all unfinished tasks; a private event (rule T13)
)

// EventType says what happened (rule T3).
type EventType string

// The event types. Of EventCompleted, EventFailed and EventCancelled a task has one, and
// only EventRemoved comes after it (rule T11).
const (
	EventQueued          EventType = "task_queued" // it does not begin at once, or was given back
	EventStarted         EventType = "task_started"
	EventProgress        EventType = "progress_update"
	EventCancelRequested EventType = "task_cancel_requested" // it runs, and is asked to stop
	EventRetrying        EventType = "task_retrying"         // an attempt ended, and another follows
	EventCompleted       EventType = "task_completed"
	EventFailed          EventType = "task_failed"
	EventCancelled       EventType = "task_cancelled"
	EventRemoved         EventType = "task_removed" // somebody removed it; the cleaner's removals have none
)

// Event is the payload of a task_event. Data is a Beginning for EventStarted of a task
// with labels, a Progress for EventProgress, a Retrying for EventRetrying, a Failure for
// EventFailed, the result for EventCompleted, otherwise nil.
type Event struct {
	Type   EventType `json:"event_type"`
	TaskID ID        `json:"task_id"`
	// TaskType and Created are the task's, so that a client which meets the event
	// first knows what it is about.
	TaskType  string    `json:"type"`
	Created   time.Time `json:"created_at"` // RFC 3339, in UTC
	Timestamp time.Time `json:"timestamp"`  // RFC 3339, in UTC
	Seq       uint64    `json:"seq"`
	Attempt   int       `json:"attempt"`
	Data      any       `json:"data"`
	// Audience is the task's, and not part of the payload (rule A12).
	Audience *access.Audience `json:"-"`
	// Truncated says that Data was left out for its size; the status endpoint has
	// it (rule E8).
	Truncated bool `json:"truncated,omitempty"`
}

// Beginning is the data of EventStarted.
type Beginning struct {
	Labels Labels `json:"labels"` // never none (rule T16)
}

// Retrying is the data of EventRetrying, whose own attempt is the one that has ended.
type Retrying struct {
	Failure

	Attempt int       `json:"attempt"` // the one to come
	NextAt  time.Time `json:"next_at"` // when it may begin: RFC 3339, in UTC
}

// ToEvent makes the log event. Progress of one task carries a key, so that a
// newer one may take the place of one that still waits (rule E10).
func (e Event) ToEvent() (event.Event, error) {
	data, ok := e.marshalPlain()
	var err error
	if !ok {
		data, err = event.Marshal(e)
	}
	if err != nil {
		return event.Event{}, fmt.Errorf("encode %s of task %s: %w", e.Type, e.TaskID, err)
	}
	ev := event.Event{
		Service: event.ServiceTask, Name: EventName, Data: data,
		Topic: "task/" + string(e.TaskID), Order: e.Seq, Audience: e.Audience,
	}
	if e.Type == EventProgress {
		ev.Key = "progress/" + string(e.TaskID)
	}
	return ev, nil
}

// Snapshot is the payload of a task_snapshot.
type Snapshot struct {
	Tasks []SnapshotTask `json:"tasks"` // never null
	// More says that another task_snapshot follows that belongs to this one.
	More bool `json:"more,omitempty"`
}

// SnapshotTask is what a snapshot says of one task.
type SnapshotTask struct {
	TaskID          ID        `json:"task_id"`
	Type            string    `json:"type"`
	Created         time.Time `json:"created_at"` // RFC 3339, in UTC
	Status          Status    `json:"status"`
	CancelRequested bool      `json:"cancel_requested"`
	Progress        Progress  `json:"progress"`
	Seq             uint64    `json:"seq"`
	Attempt         int       `json:"attempt"`
	Labels          Labels    `json:"labels"` // never null
	// RunAt and NextAt are in UTC, and left out if zero: Task.RunAt, and when a pending
	// task may be begun if not now (Task.NotBefore).
	RunAt  time.Time `json:"run_at,omitzero"`
	NextAt time.Time `json:"next_at,omitzero"`
}

// InSnapshot returns what a snapshot says of t.
func (t Task) InSnapshot() SnapshotTask {
	return SnapshotTask{
		TaskID: t.ID, Type: t.Type, Created: t.Created, Status: t.Status, CancelRequested: t.CancelRequested,
		Progress: t.Progress, Seq: t.Seq, Attempt: t.Attempt, Labels: t.Labels.OrEmpty(),
		RunAt: t.RunAt, NextAt: t.NotBefore,
	}
}
