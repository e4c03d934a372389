package records

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// newEvent is an event of t as its record is now, but for the data.
func newEvent(typ task.EventType, t task.Task, at time.Time) task.Event {
	return task.Event{
		Type: typ, TaskID: t.ID, TaskType: t.Type, Created: t.Created, Timestamp: at, Seq: t.Seq, Attempt: t.Attempt, Audience: t.Audience,
	}
}

// sender sends the events of tasks. It is safe for concurrent use.
type sender struct {
	events     event.Publisher
	maxBytes   int // of an event's payload
	maxWritten int // of event.Written of it; 0 is no bound
	log        *slog.Logger
}

// send hands an event to all clients. One that cannot be sent is logged and changes
// nothing for its task (rule T12). It reports false if another try may succeed.
func (p *sender) send(ctx context.Context, e task.Event) (done bool) {
	ev, err := p.encode(e)
	if err == nil {
		_, err = p.events.Publish(ctx, ev)
	}
	if err != nil {
		p.warn(ctx, e, err)
	}
	return err == nil || errors.Is(err, event.ErrStale) || errors.Is(err, event.ErrTooLarge) || errors.Is(err, event.ErrInvalid)
}

func (p *sender) warn(ctx context.Context, e task.Event, err error) {
	level := slog.LevelWarn
	if errors.Is(err, event.ErrStale) { // newer events of the task are in the log, which say more
		level = slog.LevelDebug
	}
	p.log.LogAttrs(ctx, level, "task event could not be sent", slog.String("task_id", string(e.TaskID)),
		slog.String("event_type", string(e.Type)), slog.Uint64("seq", e.Seq), slog.Any("error", err))
}

// tooLarge holds a payload against rule E8.
func (p *sender) tooLarge(data json.RawMessage) bool {
	return len(data) > p.maxBytes || p.maxWritten > 0 && event.Written(data) > p.maxWritten
}

// encode leaves out a result that makes its event too large; texts were cut
// before (rule E8).
func (p *sender) encode(e task.Event) (event.Event, error) {
	ev, err := e.ToEvent()
	if err == nil && e.Type == task.EventCompleted && p.tooLarge(ev.Data) {
		e.Data, e.Truncated = nil, true
		return e.ToEvent()
	}
	return ev, err
}
