package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

func TestAConnectionGetsEveryUnfinishedTask(t *testing.T) { // T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 2
		f.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
			if f.ids > 2 {
				r.Report("half", 0.5)
				return untilCancelled(ctx, r)
			}
			return nil, nil
		}))
		for range 2 {
			f.wantStatus(f.run(), task.Completed)
		}
		for range 3 {
			f.run()
			pass(time.Second)
		}
		f.cancelWithoutWaiting("task-3")
		got := f.connect("a")
		want := `{"tasks":[` +
			`{"task_id":"task-3","type":"work","created_at":"2000-01-01T00:00:00Z","status":"running","cancel_requested":true,"progress":{"text":"half","value":0.5},"seq":2,"attempt":1},` +
			`{"task_id":"task-4","type":"work","created_at":"2000-01-01T00:00:01Z","status":"running","cancel_requested":false,"progress":{"text":"half","value":0.5},"seq":2,"attempt":1},` +
			`{"task_id":"task-5","type":"work","created_at":"2000-01-01T00:00:02Z","status":"pending","cancel_requested":false,"progress":{"text":"","value":0},"seq":0,"attempt":1}]}`
		if diff := cmp.Diff([]event.Event{{Service: event.ServiceTask, Name: "task_snapshot", Data: json.RawMessage(want)}}, got); diff != "" {
			t.Errorf("snapshot (-want +got):\n%s", diff)
		}
	})
}

// cancelWithoutWaiting requests a cancellation in the record only, so that the
// task does not end.
func (f *fixture) cancelWithoutWaiting(id task.ID) {
	f.t.Helper()
	record, err := f.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	record.CancelRequested = true
	if _, err := f.store.Update(f.t.Context(), record); err != nil {
		f.t.Fatal(err)
	}
}

// connect calls the observer and returns what it sent.
func (f *fixture) connect(token connection.Token) []event.Event {
	f.t.Helper()
	if err := f.Connected(f.t.Context(), connection.Connection{RequestID: "r", Token: token}); err != nil {
		f.t.Errorf("Connected: %v", err)
	}
	return f.outbox.of(token)
}

func TestASnapshotOfNothingIsAnEmptyList(t *testing.T) { // T13
	f := newFixture(t)
	f.build()
	if got := f.connect("a"); len(got) != 1 || string(got[0].Data) != `{"tasks":[]}` {
		t.Errorf("the snapshot is %+v", got)
	}
}

func TestALargeSnapshotIsSplit(t *testing.T) { // T13, E8
	const limit, tasks = 1024, 40
	f := newFixture(t)
	f.cfg.MaxEventBytes = limit
	f.build(work(succeed))
	for range tasks {
		f.run()
	}
	events := f.connect("a")
	seen := 0
	for i, ev := range events {
		var part task.Snapshot
		if err := json.Unmarshal(ev.Data, &part); err != nil || len(ev.Data) > limit {
			t.Errorf("part %d has %d bytes, error %v", i, len(ev.Data), err)
		}
		if last := i == len(events)-1; part.More == last || strings.Contains(string(ev.Data), `"more":false`) {
			t.Errorf("part %d of %d: more is %v", i+1, len(events), part.More)
		}
		for _, entry := range part.Tasks {
			seen++
			if want := task.ID(fmt.Sprintf("task-%d", seen)); entry.TaskID != want {
				t.Errorf("entry %d is %s", seen, entry.TaskID)
			}
		}
	}
	if seen != tasks {
		t.Errorf("the parts have %d tasks, want %d", seen, tasks)
	}
}

// slowList is a store whose List takes a second, and that counts them.
type slowList struct {
	task.Store
	calls atomic.Int64
	err   error
}

func (s *slowList) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	s.calls.Add(1)
	page, next, err := s.Store.List(ctx, q) // what is read is of the beginning
	<-time.After(time.Second)
	return page, next, errors.Join(err, s.err)
}

func TestASnapshotIsSharedButNeverOlderThanTheConnection(t *testing.T) { // T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		store := &slowList{Store: f.store}
		f.store = store
		f.build(work(succeed))
		connect := func(from, to int) {
			for i := range to - from {
				go f.connect(connection.Token(fmt.Sprint(from + i)))
			}
			synctest.Wait()
		}
		connect(0, 1) // reads at once
		f.run()
		connect(1, 100) // come while the first is made: share the second
		pass(time.Second)
		f.run()
		connect(100, 200) // come while the second is made: share the third
		pass(10 * time.Second)
		if got := store.calls.Load(); got != 3 {
			t.Errorf("200 connections read the store %d times", got)
		}
		for token, want := range map[connection.Token]int{"0": 0, "1": 1, "99": 1, "100": 2, "199": 2} {
			var got task.Snapshot
			if err := json.Unmarshal(f.outbox.of(token)[0].Data, &got); err != nil || len(got.Tasks) != want {
				t.Errorf("connection %s got %d tasks, want %d (%v)", token, len(got.Tasks), want, err)
			}
		}
	})
}

func TestAConnectionThatWaitsTooLongForASnapshotSpoilsItForNobody(t *testing.T) { // T13, C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store = &slowList{Store: f.store}
		f.build()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		go f.connect("patient")
		if err := f.Connected(ctx, connection.Connection{Token: "hasty"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Connected: %v", err)
		}
		pass(5 * time.Second)
		if patient, hasty := f.outbox.of("patient"), f.outbox.of("hasty"); len(patient) != 1 || len(hasty) != 0 {
			t.Errorf("sent: %v, %v", patient, hasty)
		}
	})
}

// brokenList is a store whose List panics once.
type brokenList struct {
	task.Store
	panicked bool
}

func (s *brokenList) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	if !s.panicked {
		s.panicked = true
		panic("broken")
	}
	return s.Store.List(ctx, q)
}

func TestAPanicOfTheStoreSpoilsNoLaterSnapshot(t *testing.T) { // T13, C5
	f := newFixture(t)
	f.store = &brokenList{Store: f.store}
	f.build()
	func() {
		defer func() { _ = recover() }() // as the connection manager does
		f.connect("a")
	}()
	if got := f.connect("b"); len(got) != 1 {
		t.Errorf("the second connection was sent %v", got)
	}
}

func TestASnapshotThatCannotBeMadeOrSentIsAnError(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		store := &slowList{Store: f.store, err: errors.New("no list")}
		f.store = store
		f.build()
		if err := f.Connected(t.Context(), connection.Connection{Token: "a"}); !errors.Is(err, store.err) {
			t.Errorf("Connected: %v", err)
		}
		store.err, f.outbox.err = nil, gateway.ErrStreamFull
		if err := f.Connected(t.Context(), connection.Connection{Token: "a"}); !errors.Is(err, gateway.ErrStreamFull) {
			t.Errorf("Connected: %v", err)
		}
	})
}
