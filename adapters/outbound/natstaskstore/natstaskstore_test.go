package natstaskstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/adapters/internal/natsbroker/brokertest"
	"heliograph/adapters/outbound/natstaskstore"
	"heliograph/domain/task"
	"heliograph/test/contract/taskstorecontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a node's store until t ends, or stop.
func serve(t *testing.T, b *natsbroker.Broker, node string) (s *natstaskstore.Store, stop func()) {
	t.Helper()
	s, err := natstaskstore.Open(t.Context(), b, node)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return s, stop
}

func TestStoreContract(t *testing.T) {
	taskstorecontract.Run(t, func(t *testing.T) taskstorecontract.Subject {
		s, _ := serve(t, brokertest.InProcess(t), "node-1")
		return taskstorecontract.Subject{Store: s}
	})
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)

func create(t *testing.T, s *natstaskstore.Store, given task.Task) task.Task {
	t.Helper()
	stored, err := s.Create(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func wantListed(t *testing.T, s *natstaskstore.Store, want ...task.Task) {
	t.Helper()
	got, _, err := s.List(t.Context(), task.Query{})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("listed: %v (-want +got):\n%s", err, diff)
	}
}

func TestEveryNodeListsWhatAnotherHasJustDone(t *testing.T) {
	b := brokertest.InProcess(t)
	one, _ := serve(t, b, "node-1")
	two, _ := serve(t, b, "node-2")
	for range 20 {
		stored := create(t, one, task.Task{ID: "a", Created: noon, Params: json.RawMessage(`{"html":"<b>"}`)})
		wantListed(t, two, stored)
		stored.Status = task.Completed
		stored, err := two.Update(t.Context(), stored)
		if err != nil {
			t.Fatal(err)
		}
		wantListed(t, one, stored)
		if err := one.Delete(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		wantListed(t, two)
	}
}

func TestTasksSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	s, stop := serve(t, before, "node-1")
	stored := create(t, s, task.Task{ID: "a", Created: noon, IdempotencyKey: "key"})
	stop()
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := serve(t, brokertest.Open(t, natsbroker.Config{Dir: dir}), "node-1")
	wantListed(t, again, stored)
	if got, err := again.ByKey(t.Context(), "key"); err != nil || !cmp.Equal(got, stored) {
		t.Errorf("by its key: %+v, %v", got, err)
	}
}

func TestATaskThatIsTooLargeForTheServerIsRefusedAndChangesNothing(t *testing.T) {
	s, _ := serve(t, brokertest.InProcess(t), "node-1")
	stored := create(t, s, task.Task{ID: "a", Created: noon})
	large := stored
	large.Result = json.RawMessage(`"` + strings.Repeat("x", 9<<20) + `"`)
	if _, err := s.Update(t.Context(), large); !errors.Is(err, task.ErrTooLarge) {
		t.Errorf("update: %v, want ErrTooLarge", err)
	}
	wantListed(t, s, stored)
	if _, err := s.Create(t.Context(), task.Task{ID: "b", Params: large.Result, IdempotencyKey: "key"}); !errors.Is(err, task.ErrTooLarge) {
		t.Errorf("create: %v, want ErrTooLarge", err)
	}
	if _, err := s.ByKey(t.Context(), "key"); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("by its key: %v, want ErrNotFound", err)
	}
}

func TestAnInterruptedStartIsFinishedByWhoComesNext(t *testing.T) { // T14
	b := brokertest.InProcess(t)
	s, _ := serve(t, b, "node-1")
	first := create(t, s, task.Task{ID: "a", Created: noon, IdempotencyKey: "key"})
	interrupt(t, b, "task.a")
	got, err := s.Create(t.Context(), task.Task{ID: "b", Created: noon, IdempotencyKey: "key"})
	if !errors.Is(err, task.ErrDuplicate) || got.ID != first.ID || got.IdempotencyKey != "key" {
		t.Errorf("the second start: %+v, %v", got, err)
	}
	if stored, err := s.Get(t.Context(), "a"); err != nil || !cmp.Equal(stored, got) {
		t.Errorf("stored is %+v, %v", stored, err)
	}
}

// interrupt makes it as if the task's key had been claimed and no more.
func interrupt(t *testing.T, b *natsbroker.Broker, key string) {
	t.Helper()
	kv, err := b.JetStream().KeyValue(t.Context(), "heliograph_tasks")
	if err == nil {
		err = kv.Purge(t.Context(), key)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestListWaitsNoLongerThanItsCaller(t *testing.T) {
	s, stop := serve(t, brokertest.InProcess(t), "node-1")
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := s.List(ctx, task.Query{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("list: %v, want the context's error", err)
	}
}

// What is stored has to be read by every later version.
func TestWhatThisVersionStoresIsReadForEver(t *testing.T) {
	const stored = `{"ID":"a","Type":"demo","Params":{"x":"<1>"},"IdempotencyKey":"k","Status":"failed","CancelRequested":true,` +
		`"Created":"2026-03-01T12:00:00.000000005Z","Started":"2026-03-01T12:00:01Z","Ended":"2026-03-01T12:00:02Z","Result":null,` +
		`"Error":"it broke","Progress":{"text":"half","value":0.5},"Seq":7,"Attempt":2}`
	b := brokertest.InProcess(t)
	s, _ := serve(t, b, "node-1")
	kv, err := b.JetStream().KeyValue(t.Context(), "heliograph_tasks")
	if err != nil {
		t.Fatal(err)
	}
	revision, err := kv.PutString(t.Context(), "task.a", stored)
	if err != nil {
		t.Fatal(err)
	}
	want := task.Task{
		ID: "a", Type: "demo", Params: json.RawMessage(`{"x":"<1>"}`), IdempotencyKey: "k", Status: task.Failed, CancelRequested: true,
		Created: noon, Started: noon.Truncate(time.Second).Add(time.Second), Ended: noon.Truncate(time.Second).Add(2 * time.Second),
		Error: "it broke", Progress: task.Progress{Text: "half", Value: 0.5}, Seq: 7, Attempt: 2, Revision: revision,
	}
	got, err := s.Get(t.Context(), "a")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("read: %v (-want +got):\n%s", err, diff)
	}
}
