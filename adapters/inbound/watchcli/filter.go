package watchcli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
	"heliograph/domain/stream"
	"heliograph/domain/task"
)

// keptLabels is of how many tasks the labels are known: most of their events do not say them.
const keptLabels = 10_000

// filter selects events. It is for one goroutine.
type filter struct {
	events, types, tasks []string
	labels               task.Labels
	known                *lru.Cache[task.ID, task.Labels]
	ask                  func(context.Context, task.ID) (task.Labels, error)
}

// newFilter returns the filter for o. ask returns the labels of a task. Errors: cli.ErrUsage.
func newFilter(o Options, ask func(context.Context, task.ID) (task.Labels, error)) (*filter, error) {
	labels, err := cli.Labels(o.Labels)
	if err != nil {
		return nil, err
	}
	known, err := lru.New[task.ID, task.Labels](keptLabels)
	if err != nil {
		return nil, fmt.Errorf("make a cache of labels: %w", err)
	}
	return &filter{events: o.Events, types: o.Types, tasks: o.Tasks, labels: labels, known: known, ask: ask}, nil
}

// selectsTasks reports whether some tasks only are wanted.
func (f *filter) selectsTasks() bool { return len(f.types)+len(f.tasks)+len(f.labels) > 0 }

// pick returns what is wanted of an event, and whether that is anything. What the stream says
// of itself always is.
func (f *filter) pick(ctx context.Context, ev apiclient.StreamEvent) (apiclient.StreamEvent, bool) {
	switch named := slices.Contains(f.events, ev.Name); {
	case ev.Name == stream.NameReset, ev.Name == stream.NameReplaced, ev.Name == stream.NameExpiring, ev.Name == stream.NameExpired:
		return ev, true
	case len(f.events) > 0 && !named, ev.Name == stream.NamePing && !named:
		return ev, false
	case !f.selectsTasks():
		return ev, true
	case ev.Name == task.EventName:
		return ev, f.wantsEvent(ctx, ev.Data)
	case ev.Name == task.SnapshotName:
		return f.pickTasks(ev)
	}
	return ev, false
}

func (f *filter) wantsEvent(ctx context.Context, data string) bool {
	var ev apiclient.TaskEvent
	if json.Unmarshal([]byte(data), &ev) != nil || !f.wantsTask(ev.TaskID, ev.TaskType) {
		return false
	}
	if len(f.labels) == 0 {
		return true
	}
	var begun task.Beginning
	if ev.Type == task.EventStarted && json.Unmarshal(ev.Data, &begun) == nil {
		f.known.Add(ev.TaskID, begun.Labels)
	}
	labels, ok := f.known.Get(ev.TaskID)
	if !ok {
		var err error
		if labels, err = f.ask(ctx, ev.TaskID); err != nil {
			return false // it is not there any more, or the next event asks again
		}
		f.known.Add(ev.TaskID, labels)
	}
	return f.wantsLabels(labels)
}

func (f *filter) wantsTask(id task.ID, typ string) bool {
	return (len(f.types) == 0 || slices.Contains(f.types, typ)) && (len(f.tasks) == 0 || slices.Contains(f.tasks, string(id)))
}

func (f *filter) wantsLabels(labels task.Labels) bool {
	for key, value := range f.labels {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// pickTasks returns a part of a snapshot with the tasks that are wanted.
func (f *filter) pickTasks(ev apiclient.StreamEvent) (apiclient.StreamEvent, bool) {
	var part task.Snapshot
	if json.Unmarshal([]byte(ev.Data), &part) != nil {
		return ev, false
	}
	wanted := slices.DeleteFunc(part.Tasks, func(t task.SnapshotTask) bool {
		f.known.Add(t.TaskID, t.Labels)
		return !f.wantsTask(t.TaskID, t.Type) || !f.wantsLabels(t.Labels)
	})
	data, err := json.Marshal(task.Snapshot{Tasks: wanted, More: part.More})
	ev.Data = string(data)
	return ev, err == nil
}
