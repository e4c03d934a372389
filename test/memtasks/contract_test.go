package memtasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"heliograph/domain/task"
	"heliograph/test/contract/taskreadercontract"
	"heliograph/test/contract/taskservicecontract"
	"heliograph/test/memtasks"
)

// objects is a handler that takes no params but objects.
type objects struct{}

func (objects) Check(params json.RawMessage) error {
	if len(params) > 0 && params[0] != '{' {
		return task.ErrInvalidParams
	}
	return nil
}

func (objects) Run(context.Context, json.RawMessage, task.Reporter) (json.RawMessage, error) {
	return nil, errors.New("nothing runs here")
}

const (
	places        = 8
	scheduled     = 3
	maxEventBytes = 1000
)

func newTasks() *memtasks.Tasks {
	tasks := memtasks.New(task.Type{Name: "two", Handler: objects{}}, task.Type{Name: "one", Handler: objects{}})
	tasks.Places, tasks.Scheduled, tasks.MaxEventBytes = places, scheduled, maxEventBytes
	return tasks
}

func begin(t *testing.T, tasks *memtasks.Tasks, typ string) task.ID {
	t.Helper()
	begun, err := tasks.Begin(t.Context(), typ)
	if err != nil {
		t.Fatal(err)
	}
	return begun.ID
}

func complete(t *testing.T, tasks *memtasks.Tasks, id task.ID, result json.RawMessage) {
	t.Helper()
	if _, err := tasks.End(t.Context(), id, result, ""); err != nil {
		t.Fatal(err)
	}
}

func TestServiceContract(t *testing.T) {
	t.Parallel()
	taskservicecontract.Run(t, func(*testing.T) taskservicecontract.Subject {
		tasks := newTasks()
		return taskservicecontract.Subject{
			Tasks: tasks, Reader: tasks, Type: "one", BadParams: json.RawMessage(`[1]`), Places: places, Scheduled: scheduled,
			Begin:    func(t *testing.T) task.ID { t.Helper(); return begin(t, tasks, "one") },
			Complete: func(t *testing.T, id task.ID) { t.Helper(); complete(t, tasks, id, nil) },
			Stop:     func(*testing.T) { tasks.Stop() },
		}
	})
}

func TestReaderContract(t *testing.T) {
	t.Parallel()
	taskreadercontract.Run(t, func(*testing.T) taskreadercontract.Subject {
		tasks := newTasks()
		return taskreadercontract.Subject{
			Reader: tasks, Type: "one", Other: "two", MaxEventBytes: maxEventBytes,
			Start: func(t *testing.T, r task.Request) task.ID {
				t.Helper()
				started, err := tasks.Start(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				return started.ID
			},
			Begin:    func(t *testing.T, typ string) task.ID { t.Helper(); return begin(t, tasks, typ) },
			Complete: func(t *testing.T, id task.ID, result json.RawMessage) { t.Helper(); complete(t, tasks, id, result) },
		}
	})
}

func TestWhatDoesNotRunIsNotEnded(t *testing.T) {
	t.Parallel()
	tasks := newTasks()
	if _, err := tasks.Begin(t.Context(), "one"); !errors.Is(err, task.ErrNoTask) {
		t.Errorf("begin without a task: %v", err)
	}
	started, err := tasks.Start(t.Context(), task.Request{Type: "one"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tasks.End(t.Context(), started.ID, nil, ""); !errors.Is(err, task.ErrLeaseLost) {
		t.Errorf("the end of a waiting one: %v", err)
	}
	begin(t, tasks, "one")
	if ended, err := tasks.End(t.Context(), started.ID, nil, "it broke"); err != nil || ended.Status != task.Failed || ended.Error != "it broke" {
		t.Errorf("the end with a message: %+v, %v", ended, err)
	}
}
