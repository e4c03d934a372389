// Package taskservicecontract says what every task.Service must do.
package taskservicecontract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"heliograph/domain/task"
)

// Subject is what is tested, with no tasks.
type Subject struct {
	Tasks  task.Service
	Reader task.Reader
	// Type is one that can be started with any params but those of BadParams. Its tasks
	// wait until Begin.
	Type      string
	BadParams json.RawMessage
	// Begin has the oldest waiting task of Type running, and returns it.
	Begin func(t *testing.T) task.ID
	// Complete ends a running task, with null as its result.
	Complete func(t *testing.T, id task.ID)
	// Places is how many tasks of Type may wait, and none of them runs before Begin.
	Places int
	// Scheduled is how many tasks may wait for the time that they are to run at.
	Scheduled int
	// Stop has the service take no task any more.
	Stop func(t *testing.T)
}

// Run proves the contract. Each call of fresh returns a Subject of its own.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, clause := range []struct {
		sentence string
		prove    func(*testing.T, fixture)
	}{
		{"T1 Start returns a pending task with an ID of its own", start},
		{"Start of a type that is not there is ErrUnknownType and starts none", unknownType},
		{"Start with params that the type does not take is ErrInvalidParams and starts none", badParams},
		{"T1 when all places are taken Start is ErrQueueFull and starts none", queueFull},
		{"T14 Start with a key that was used before returns that task and starts none", sameKey},
		{"T14 a key gives its task also after that has ended, and whatever else is wrong", keyAfterTheEnd},
		{"T14 of many that Start with one key all get the same task", keyRace},
		{"T14 the keys of different owners never meet", keysOfOwners},
		{"A11 a task is its owner's and for whom the request says, until it is removed", audience},
		{"A11 those who follow a task are in its audience", followed},
		{"T14 the key of a task that was removed starts another one", keyOfRemoved},
		{"T7 a pending task that is cancelled has ended and never runs", cancelPending},
		{"T7 a running task that is cancelled is asked to stop and goes on", cancelRunning},
		{"T7 Cancel of a task that has ended is ErrNotCancellable, of an unknown one ErrNotFound", cancelEnded},
		{"T9 Remove takes a finished task away", remove},
		{"T9 Remove of an unfinished task is ErrNotFinished, of an unknown one ErrNotFound", removeUnfinished},
		{"T16 a task has the labels that it was started with, until it is removed", labels},
		{"T16 T14 the labels are those of the first start with a key", labelsOfSameKey},
		{"T16 Start with bad labels is ErrInvalidLabels, names the label and starts none", badLabels},
		{"T17 CancelAll ends what waits, asks what runs to stop, and counts both", cancelAll},
		{"T17 CancelAll without a filter is ErrNoFilter and cancels none", cancelAllWithoutFilter},
		{"T17 A9 CancelAll leaves out what the viewer may not see", cancelAllOfViewer},
		{"T19 a task that is to run later is pending, says when, and can be cancelled", scheduled},
		{"T19 a task that was to run in the past is next at once", scheduledInThePast},
		{"T19 Start of a task that is to run in more than a year is ErrInvalidRunAt and starts none", scheduledTooFar},
		{"T19 a task that is to run later takes none of the places", scheduledBesideTheQueue},
		{"T19 when as many wait for their time as may Start is ErrQueueFull and starts none", scheduledFull},
		{"T20 a task that its starter claims needs no place, and takes none", claimWithoutPlace},
		{"T15 after the end Start is ErrShuttingDown and starts none", afterStop},
	} {
		t.Run(clause.sentence, func(t *testing.T) { clause.prove(t, fixture{t, fresh(t)}) })
	}
}

// fixture is a Subject with the steps that must not fail.
type fixture struct {
	t *testing.T
	Subject
}

func (f fixture) start(params json.RawMessage, key string) task.Task {
	f.t.Helper()
	t, err := f.Tasks.Start(f.t.Context(), task.Request{Type: f.Type, Params: params, Key: key})
	if err != nil {
		f.t.Fatalf("Start: %v", err)
	}
	return t
}

// begin has the one waiting task running.
func (f fixture) begin(want task.ID) {
	f.t.Helper()
	if id := f.Begin(f.t); id != want {
		f.t.Fatalf("begun is %s, want %s", id, want)
	}
	f.want(want, task.Running)
}

func (f fixture) want(id task.ID, want task.Status) task.Task {
	f.t.Helper()
	t, err := f.Reader.Get(f.t.Context(), id)
	if err != nil || t.Status != want {
		f.t.Errorf("%s is %s (%v), want %s", id, t.Status, err, want)
	}
	return t
}

func (f fixture) wantCount(want int) {
	f.t.Helper()
	all, _, err := f.Reader.List(f.t.Context(), task.Query{})
	if err != nil || len(all) != want {
		f.t.Errorf("there are %d tasks (%v), want %d", len(all), err, want)
	}
}

func (f fixture) wantError(got, want error) {
	f.t.Helper()
	if !errors.Is(got, want) {
		f.t.Errorf("error is %v, want %v", got, want)
	}
}

func compact(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Error(err)
	}
	return b.String()
}

func start(t *testing.T, f fixture) {
	one, two := f.start(json.RawMessage(`{"a": "<1>"}`), ""), f.start(nil, "")
	if one.ID == "" || one.ID == two.ID || one.Status != task.Pending || one.Type != f.Type || one.Created.IsZero() {
		t.Errorf("started are %+v and %+v", one, two)
	}
	if got := f.want(one.ID, task.Pending); compact(t, got.Params) != `{"a":"<1>"}` || !got.Created.Equal(one.Created) {
		t.Errorf("known is %+v", got)
	}
	if got := f.want(two.ID, task.Pending); got.Params != nil {
		t.Errorf("the params of a task without any are %s", got.Params)
	}
	f.wantCount(2)
}

func unknownType(t *testing.T, f fixture) {
	for _, typ := range []string{"", "no-such-type", f.Type + " "} {
		_, err := f.Tasks.Start(t.Context(), task.Request{Type: typ, Key: "key"})
		f.wantError(err, task.ErrUnknownType)
	}
	f.wantCount(0)
	f.start(nil, "key") // it was not used
}

func badParams(t *testing.T, f fixture) {
	_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Params: f.BadParams, Key: "key"})
	f.wantError(err, task.ErrInvalidParams)
	f.wantCount(0)
	f.start(nil, "key") // it was not used
}

func queueFull(t *testing.T, f fixture) {
	first := f.start(nil, "key")
	for range f.Places - 1 {
		f.start(nil, "")
	}
	_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Key: "other"})
	f.wantError(err, task.ErrQueueFull)
	f.wantCount(f.Places)
	if again := f.start(nil, "key"); again.ID != first.ID {
		t.Errorf("the key gives %s, want %s", again.ID, first.ID)
	}
	f.begin(first.ID)
	f.start(nil, "other")
}

func sameKey(t *testing.T, f fixture) {
	first := f.start(json.RawMessage(`{"n":1}`), "key")
	other := f.start(nil, "other key")
	again := f.start(json.RawMessage(`{"n":2}`), "key")
	if again.ID != first.ID || string(again.Params) != `{"n":1}` || other.ID == first.ID {
		t.Errorf("the key gives %s with %s, want %s", again.ID, again.Params, first.ID)
	}
	f.wantCount(2)
}

func keyAfterTheEnd(t *testing.T, f fixture) {
	first := f.start(nil, "key")
	f.begin(first.ID)
	f.Complete(t, first.ID)
	for _, params := range []json.RawMessage{nil, f.BadParams} {
		if again := f.start(params, "key"); again.ID != first.ID || again.Status != task.Completed {
			t.Errorf("the key gives %s, which is %s; want %s", again.ID, again.Status, first.ID)
		}
	}
	if again, err := f.Tasks.Start(t.Context(), task.Request{Type: "no-such-type", Key: "key"}); err != nil || again.ID != first.ID {
		t.Errorf("with another type the key gives %s, %v; want %s", again.ID, err, first.ID)
	}
	f.wantCount(1)
}

func keyRace(t *testing.T, f fixture) {
	ids := make([]task.ID, f.Places)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			started, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Params: fmt.Appendf(nil, `{"n":%d}`, i), Key: "key"})
			if err != nil {
				t.Errorf("Start: %v", err)
			}
			ids[i] = started.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("one key has given %s and %s", ids[0], id)
		}
	}
	f.wantCount(1)
}

func keyOfRemoved(t *testing.T, f fixture) {
	first := f.start(nil, "key")
	f.wantError(second(f.Tasks.Cancel(t.Context(), first.ID)), nil)
	f.wantError(f.Tasks.Remove(t.Context(), first.ID), nil)
	if again := f.start(nil, "key"); again.ID == first.ID || again.Status != task.Pending {
		t.Errorf("the key gives %s, which is %s", again.ID, again.Status)
	}
	f.wantCount(1)
}

func second[T any](_ T, err error) error { return err }

func cancelPending(t *testing.T, f fixture) {
	cancelled, next := f.start(nil, ""), f.start(nil, "")
	got, err := f.Tasks.Cancel(t.Context(), cancelled.ID)
	if err != nil || got.ID != cancelled.ID || got.Status != task.Cancelled || got.Ended.IsZero() {
		t.Errorf("Cancel returned %+v, %v", got, err)
	}
	f.begin(next.ID)
	f.want(cancelled.ID, task.Cancelled)
}

func cancelRunning(t *testing.T, f fixture) {
	id := f.start(nil, "").ID
	f.begin(id)
	for range 2 {
		got, err := f.Tasks.Cancel(t.Context(), id)
		if err != nil || got.Status != task.Running || !got.CancelRequested {
			t.Errorf("Cancel returned %+v, %v", got, err)
		}
		if got := f.want(id, task.Running); !got.CancelRequested {
			t.Error("the status does not show it")
		}
	}
	f.Complete(t, id)
	f.want(id, task.Completed) // what is reported is what happened
}

func cancelEnded(t *testing.T, f fixture) {
	completed, cancelled := f.start(nil, "").ID, f.start(nil, "").ID
	f.begin(completed)
	f.Complete(t, completed)
	f.wantError(second(f.Tasks.Cancel(t.Context(), cancelled)), nil)
	for id, want := range map[task.ID]task.Status{completed: task.Completed, cancelled: task.Cancelled} {
		f.wantError(second(f.Tasks.Cancel(t.Context(), id)), task.ErrNotCancellable)
		f.want(id, want)
	}
	f.wantError(second(f.Tasks.Cancel(t.Context(), "no-such-task")), task.ErrNotFound)
}

func remove(t *testing.T, f fixture) {
	completed, cancelled := f.start(nil, "").ID, f.start(nil, "").ID
	f.begin(completed)
	f.Complete(t, completed)
	f.wantError(second(f.Tasks.Cancel(t.Context(), cancelled)), nil)
	for _, id := range []task.ID{completed, cancelled} {
		f.wantError(f.Tasks.Remove(t.Context(), id), nil)
		f.wantError(second(f.Reader.Get(t.Context(), id)), task.ErrNotFound)
		f.wantError(f.Tasks.Remove(t.Context(), id), task.ErrNotFound)
	}
	f.wantCount(0)
}

func removeUnfinished(t *testing.T, f fixture) {
	running, pending := f.start(nil, "").ID, f.start(nil, "").ID
	f.begin(running)
	for id, want := range map[task.ID]task.Status{running: task.Running, pending: task.Pending} {
		f.wantError(f.Tasks.Remove(t.Context(), id), task.ErrNotFinished)
		f.want(id, want)
	}
	f.wantError(f.Tasks.Remove(t.Context(), "no-such-task"), task.ErrNotFound)
}

func afterStop(t *testing.T, f fixture) {
	f.Stop(t)
	_, err := f.Tasks.Start(context.WithoutCancel(t.Context()), task.Request{Type: f.Type})
	f.wantError(err, task.ErrShuttingDown)
}
