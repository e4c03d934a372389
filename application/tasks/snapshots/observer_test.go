package snapshots_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/snapshots"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is an Observer with everything around it.
type fixture struct {
	*snapshots.Observer
	t        *testing.T
	store    task.Store
	outbox   *outbox
	maxBytes int
	tasks    int // that were created
}

// newFixture returns one with an empty store, and events of at most maxBytes.
func newFixture(t *testing.T, maxBytes int) *fixture {
	t.Helper()
	f := &fixture{t: t, store: memtaskstore.New(), outbox: &outbox{}, maxBytes: maxBytes}
	f.observe(f.store)
	return f
}

// observe has the Observer read another store.
func (f *fixture) observe(store task.Store) {
	f.Observer = snapshots.New(store, f.outbox, f.maxBytes)
}

// run creates a task that waits.
func (f *fixture) run() task.ID {
	f.t.Helper()
	f.tasks++
	t, err := f.store.Create(f.t.Context(), task.Task{
		ID: task.ID(fmt.Sprint("task-", f.tasks)), Type: "work", Status: task.Pending, Created: time.Now().UTC(), Attempt: 1,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return t.ID
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// outbox is a gateway.Sender that records private events by token.
type outbox struct {
	gateway.Sender
	err  error
	slow bool          // SendParts takes the first part only
	rest gateway.Parts // what it left

	mu     sync.Mutex
	events map[connection.Token][]event.Event // guarded by mu
}

func (o *outbox) Send(_ context.Context, token connection.Token, ev event.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.events == nil {
		o.events = make(map[connection.Token][]event.Event)
	}
	o.events[token] = append(o.events[token], ev)
	return o.err
}

// SendParts takes all parts at once, or keeps those after the first for later.
func (o *outbox) SendParts(ctx context.Context, token connection.Token, next gateway.Parts) error {
	for more := true; more; {
		var err error
		if more, err = o.take(ctx, token, next); err != nil {
			return err
		}
		if o.slow && more {
			o.rest = next
			return nil
		}
	}
	return nil
}

// take sends token the next part.
func (o *outbox) take(ctx context.Context, token connection.Token, next gateway.Parts) (more bool, err error) {
	part, more := next()
	ev, err := gateway.Encoded(part, func(ev event.Event) (event.Event, error) { return ev, nil })
	if err != nil {
		return false, err
	}
	return more, o.Send(ctx, token, ev)
}

func (o *outbox) of(token connection.Token) []event.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.events[token])
}

// cancelWithoutWaiting requests a cancellation in the record only, so that the
// task does not end.
func (f *fixture) cancelWithoutWaiting(id task.ID) {
	f.t.Helper()
	record, err := f.store.Get(f.t.Context(), id)
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
	record, err := f.store.Get(f.t.Context(), f.run())
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
	f := newFixture(t, 64<<10)
	if got := f.connect("a"); len(got) != 1 || string(got[0].Data) != `{"tasks":[]}` {
		t.Errorf("the snapshot is %+v", got)
	}
}

func TestALargeSnapshotIsSplit(t *testing.T) { // T13, E8
	const limit, tasks = 1024, 40
	f := newFixture(t, limit)
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
	f := newFixture(t, 1024)
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
	f := newFixture(t, 1024)
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
	f := newFixture(t, 64<<10)
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
	f := newFixture(t, 64<<10)
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

// slowList is a store whose List of what several streams may see takes a second, and
// that counts them.
type slowList struct {
	task.Store
	calls atomic.Int64
	err   error
}

func (s *slowList) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	if q.Viewer.RequestID != "" {
		return s.Store.List(ctx, q)
	}
	s.calls.Add(1)
	page, next, err := s.Store.List(ctx, q) // what is read is of the beginning
	<-time.After(time.Second)
	return page, next, errors.Join(err, s.err)
}

func TestASnapshotIsSharedButNeverOlderThanTheConnection(t *testing.T) { // T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 64<<10)
		store := &slowList{Store: f.store}
		f.observe(store)
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

func TestAConnectionThatWaitsTooLongForASnapshotSpoilsItForNoOther(t *testing.T) { // T13, C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 64<<10)
		f.observe(&slowList{Store: f.store})
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
	f := newFixture(t, 64<<10)
	f.observe(&brokenList{Store: f.store})
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
		f := newFixture(t, 64<<10)
		store := &slowList{Store: f.store, err: errors.New("no list")}
		f.observe(store)
		if err := f.Connected(t.Context(), connection.Connection{Token: "a"}); !errors.Is(err, store.err) {
			t.Errorf("Connected: %v", err)
		}
		store.err, f.outbox.err = nil, gateway.ErrStreamFull
		if err := f.Connected(t.Context(), connection.Connection{Token: "a"}); !errors.Is(err, gateway.ErrStreamFull) {
			t.Errorf("Connected: %v", err)
		}
	})
}
