package apiclient

import (
	"context"
	"encoding/json"

	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/stream"
	"heliograph/domain/task"
)

// event handles one event of the stream; events that it does not know or cannot
// read are ignored. Errors: errEnded, and Follow's.
func (f *follower) event(ctx context.Context, name, data string) error {
	switch name {
	case task.EventName:
		return f.taskEvent(ctx, data)
	case task.SnapshotName:
		return f.snapshot(ctx, data)
	case stream.NameReset:
		return f.refresh(ctx)
	}
	return nil
}

// TaskEvent is a task.Event whose data is still JSON.
type TaskEvent struct {
	task.Event

	Data json.RawMessage `json:"data"`
}

// Apply returns what is known of the event's task after it. It says nothing of
// task_removed, for which there is no status.
func (ev TaskEvent) Apply(t taskjson.Task) taskjson.Task {
	t.Seq, t.Attempt = ev.Seq, ev.Attempt
	switch ev.Type {
	case task.EventQueued, task.EventRemoved:
	case task.EventStarted:
		t.Status, t.Progress, t.NextAt, t.Error = task.Running, task.Progress{}, nil, nil
		t.Code = nil
	case task.EventRetrying:
		next, _ := decode[task.Retrying](string(ev.Data))
		t.Status, t.Progress, t.Attempt = task.Pending, task.Progress{}, next.Attempt
		t.NextAt, t.Error, t.Code = &next.NextAt, &next.Error, taskjson.OrNull(next.Code)
	case task.EventProgress:
		t.Status = task.Running
		t.Progress, _ = decode[task.Progress](string(ev.Data))
	case task.EventCompleted:
		t.Status, t.Result = task.Completed, ev.Data
	case task.EventFailed:
		failure, _ := decode[task.Failure](string(ev.Data))
		t.Status, t.Error, t.Code = task.Failed, &failure.Error, taskjson.OrNull(failure.Code)
	case task.EventCancelRequested:
		t.CancelRequested = true
	case task.EventCancelled:
		t.Status = task.Cancelled
	}
	return t
}

func (f *follower) taskEvent(ctx context.Context, data string) error {
	ev, ok := decode[TaskEvent](data)
	if !ok || ev.TaskID != f.known.ID || ev.Seq <= f.known.Seq {
		return nil
	}
	if ev.Type == task.EventRemoved { // and its end was not seen here
		return f.refresh(ctx)
	}
	t := ev.Apply(f.known)
	if !t.Status.Terminal() {
		return f.update(t)
	}
	return f.ended(ctx, t, ev.Truncated)
}

// ended reads the status of a task that has ended, which has everything about it
// (rule T11). If the service can no longer be asked, for instance while it shuts
// down, the event's data has to do, unless it was truncated.
func (f *follower) ended(ctx context.Context, t taskjson.Task, truncated bool) error {
	if truncated {
		return f.refresh(ctx)
	}
	if whole, err := f.client.Status(ctx, t.ID); err == nil {
		t = whole
	}
	return f.update(t)
}

// snapshot handles one part of a snapshot. A task that is in none of the parts may
// have ended before the stream began, so its status is read.
func (f *follower) snapshot(ctx context.Context, data string) error {
	part, ok := decode[task.Snapshot](data)
	if !ok {
		return nil
	}
	for _, s := range part.Tasks {
		if s.TaskID != f.known.ID {
			continue
		}
		f.listed = true
		t := f.known
		t.Status, t.CancelRequested, t.Progress, t.Seq, t.Attempt = s.Status, s.CancelRequested, s.Progress, s.Seq, s.Attempt
		t.RunAt, t.NextAt = taskjson.OrNull(s.RunAt), taskjson.OrNull(s.NextAt)
		if err := f.update(t); err != nil {
			return err
		}
	}
	if part.More {
		return nil
	}
	listed := f.listed
	f.listed = false
	if listed {
		return nil
	}
	return f.refresh(ctx)
}

// decode returns the value of a JSON text, and whether it is one.
func decode[T any](text string) (v T, ok bool) {
	err := json.Unmarshal([]byte(text), &v)
	return v, err == nil
}
