package tasks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

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

// runWithText starts a task and has its record show text as its progress.
func (f *fixture) runWithText(text string) {
	f.t.Helper()
	record, err := f.Get(f.t.Context(), f.run())
	if err != nil {
		f.t.Fatal(err)
	}
	record.Progress.Text = text
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

// entries returns the tasks that were sent to token, in order, and whether it was
// told that there are no more.
func (f *fixture) entries(token connection.Token) (ids []task.ID, complete bool) {
	f.t.Helper()
	for _, ev := range f.outbox.of(token) {
		var part task.Snapshot
		if err := json.Unmarshal(ev.Data, &part); err != nil {
			f.t.Fatal(err)
		}
		for _, entry := range part.Tasks {
			ids = append(ids, entry.TaskID)
		}
		complete = !part.More
	}
	return ids, complete
}

func TestASlowStreamGoesOnInTheNewestSnapshot(t *testing.T) { // T13, G4
	const tasks = 40
	f := newFixture(t)
	f.cfg.MaxEventBytes = 1024
	f.build(work(succeed)) // none runs: the service was not started
	for range tasks {
		f.run()
	}
	f.outbox.slow = true
	f.connect("slow")
	first, _ := f.entries("slow")
	rest := f.outbox.rest

	last := task.ID(fmt.Sprintf("task-%d", tasks)) // what changes, ends and begins while the stream reads
	f.cancelWithoutWaiting(last)
	record, err := f.store.Get(t.Context(), first[len(first)-1]) // where the stream is
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.Delete(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	f.run()
	f.connect("other")

	for more := true; more; {
		if more, err = f.outbox.take(t.Context(), "slow", rest); err != nil {
			t.Fatal(err)
		}
	}
	ids, complete := f.entries("slow")
	if !complete {
		t.Error("the last part says that there are more")
	}
	got := map[task.ID]bool{}
	for _, id := range ids {
		got[id] = true
	}
	for i := range tasks {
		if id := task.ID(fmt.Sprintf("task-%d", i+1)); !got[id] {
			t.Errorf("the stream was not sent %s", id)
		}
	}
	events := f.outbox.of("slow")
	asItIs := regexp.MustCompile(`"task_id":"` + string(last) + `","type":"work","created_at":"[^"]*","status":"pending","cancel_requested":true`)
	if !asItIs.Match(bytes.Join(payloads(events), nil)) {
		t.Errorf("the stream was not sent %s as it is now", last)
	}
}

func payloads(events []event.Event) (all [][]byte) {
	for _, ev := range events {
		all = append(all, ev.Data)
	}
	return all
}

func TestASlowStreamIsNotSentTasksForEver(t *testing.T) { // T13
	f := newFixture(t)
	f.cfg.MaxEventBytes = 1024
	f.build(work(succeed))
	for range 20 {
		f.run()
	}
	f.outbox.slow = true
	f.connect("slow")
	rest, parts := f.outbox.rest, 1
	for more := true; more; parts++ {
		for range 20 { // more than a part takes
			f.run()
		}
		f.connect("other")
		var err error
		if more, err = f.outbox.take(t.Context(), "slow", rest); err != nil {
			t.Fatal(err)
		}
		if parts > 20 {
			t.Fatal("it never ends: each part is followed by what began meanwhile")
		}
	}
}

func TestOneSnapshotIsInMemoryHoweverManyStreamsRead(t *testing.T) { // T13, G4
	const tasks, streams = 500, 20
	f := newFixture(t)
	f.cfg.MaxEventBytes = 64 << 10
	f.cfg.QueueSize = 2 * tasks
	f.build(work(succeed))
	for range tasks {
		f.runWithText(strings.Repeat("x", 1<<10))
	}
	f.outbox.slow = true
	var readers []gateway.Parts
	freed := make([]weak.Pointer[gateway.Part], 0, streams)
	for i := range streams {
		f.connect(connection.Token(fmt.Sprint(i)))
		readers = append(readers, f.outbox.rest)
		part, _ := f.outbox.rest() // a later part of this snapshot
		freed = append(freed, weak.Make(part))
	}
	runtime.GC()
	held := 0
	for _, p := range freed {
		if p.Value() != nil {
			held++
		}
	}
	if held > 1 {
		t.Errorf("parts of %d snapshots are in memory, want those of the newest only", held)
	}
	runtime.KeepAlive(readers)
}

func TestAPartFitsAnExternalGatewayAsItIsWritten(t *testing.T) { // E8, T13
	f := newFixture(t)
	f.cfg.QueueSize = 1000
	f.build(work(succeed))
	for range 300 { // JSON of quotes only: twice as long in a JSON string
		f.runWithText(strings.Repeat(`"`, 1000))
	}
	events := f.connect("a")
	if len(events) < 2 {
		t.Fatalf("%d parts", len(events))
	}
	for i, ev := range events {
		if quoted, _ := json.Marshal(string(ev.Data)); len(quoted) > 98_000 {
			t.Errorf("part %d has %d bytes as it is written", i, len(quoted))
		}
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
