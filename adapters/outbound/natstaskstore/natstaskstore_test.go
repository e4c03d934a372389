package natstaskstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
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
	given.Status = task.Pending
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
	for n := range 20 {
		stored := create(t, one, task.Task{ID: task.ID(fmt.Sprint(n)), Created: noon, Params: json.RawMessage(`{"html":"<b>"}`)})
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

func lastSeq(t *testing.T, b *natsbroker.Broker) uint64 {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), "KV_heliograph_tasks")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

func TestListsWriteNothing(t *testing.T) {
	b := brokertest.InProcess(t)
	one, _ := serve(t, b, "node-1")
	two, _ := serve(t, b, "node-2")
	stored := create(t, one, task.Task{ID: "a", Created: noon, IdempotencyKey: "key"})
	before := lastSeq(t, b)
	for range 10 {
		wantListed(t, one, stored)
		wantListed(t, two, stored)
		if _, err := one.Expired(t.Context(), task.Retention{}); err != nil {
			t.Error(err)
		}
	}
	if after := lastSeq(t, b); after != before {
		t.Errorf("%d messages were written by lists", after-before)
	}
}

// The last message of the bucket may be one that is not there any more: a marker
// whose time is over, or one that an operator has removed.
func TestListsDoNotWaitForAMessageThatIsGone(t *testing.T) {
	b := brokertest.InProcess(t)
	one, stop := serve(t, b, "node-1")
	stored := create(t, one, task.Task{ID: "a", Created: noon})
	create(t, one, task.Task{ID: "b", Created: noon})
	stop()
	stream, err := b.JetStream().Stream(t.Context(), "KV_heliograph_tasks")
	if err == nil {
		err = stream.Purge(t.Context(), jetstream.WithPurgeSubject("$KV.heliograph_tasks.task.b"))
	}
	if err != nil {
		t.Fatal(err)
	}
	two, _ := serve(t, b, "node-2")
	for range 2 {
		wantListed(t, two, stored)
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
	if got, err := again.ByKey(t.Context(), "", "key"); err != nil || !cmp.Equal(got, stored) {
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
	if _, err := s.ByKey(t.Context(), "", "key"); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("by its key: %v, want ErrNotFound", err)
	}
}

// What an interruption leaves of a start, or of a deletion, is a key without its
// task.
func TestAKeyWithoutItsTaskIsTakenOver(t *testing.T) { // T14
	for name, leave := range map[string]func(t *testing.T, s *natstaskstore.Store, kv jetstream.KeyValue){
		"the start was interrupted": func(t *testing.T, _ *natstaskstore.Store, kv jetstream.KeyValue) {
			putText(t, kv, keyOf("key"), `{"format":1,"ID":"a"}`)
		},
		"the start of an earlier version was interrupted": func(t *testing.T, _ *natstaskstore.Store, kv jetstream.KeyValue) {
			putText(t, kv, keyOf("key"), `{"ID":"a","Type":"demo","Params":{"x":1},"IdempotencyKey":"key","Status":"pending","Attempt":1}`)
		},
		"the deletion was interrupted": func(t *testing.T, s *natstaskstore.Store, kv jetstream.KeyValue) {
			create(t, s, task.Task{ID: "a", IdempotencyKey: "key"})
			if err := kv.Purge(t.Context(), "task.a"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := brokertest.InProcess(t)
			s, _ := serve(t, b, "node-1")
			s.SetClaimTime(0)
			leave(t, s, bucketOf(t, b))
			if _, err := s.ByKey(t.Context(), "", "key"); !errors.Is(err, task.ErrNotFound) {
				t.Errorf("by its key before: %v, want ErrNotFound", err)
			}
			stored := create(t, s, task.Task{ID: "b", Created: noon, IdempotencyKey: "key"})
			wantListed(t, s, stored)
			if got, err := s.ByKey(t.Context(), "", "key"); err != nil || !cmp.Equal(got, stored) {
				t.Errorf("by its key: %+v, %v", got, err)
			}
			if late, err := s.Create(t.Context(), task.Task{ID: "a", IdempotencyKey: "key"}); !errors.Is(err, task.ErrDuplicate) || late.ID != "b" {
				t.Errorf("the interrupted start comes late: %+v, %v", late, err)
			}
			if late, err := s.Create(t.Context(), task.Task{ID: "a"}); !errors.Is(err, task.ErrConflict) {
				t.Errorf("what was ruled out is created: %+v, %v", late, err)
			}
		})
	}
}

func TestKeysThatInterruptedCallsHaveLeftAreDeleted(t *testing.T) { // T14
	b := brokertest.InProcess(t)
	s, _ := serve(t, b, "node-1")
	kv := bucketOf(t, b)
	kept := create(t, s, task.Task{ID: "a", IdempotencyKey: "key"})
	putText(t, kv, keyOf("orphan"), `{"ID":"b"}`)
	for _, c := range []struct {
		age   time.Duration
		freed int
	}{{time.Hour, 0}, {0, 1}, {0, 0}} {
		if freed, err := s.FreeKeys(t.Context(), c.age); err != nil || freed != c.freed {
			t.Errorf("of an age of %s %d were freed, %v; want %d", c.age, freed, err, c.freed)
		}
	}
	if got, err := s.ByKey(t.Context(), "", "key"); err != nil || !cmp.Equal(got, kept) {
		t.Errorf("by its key: %+v, %v", got, err)
	}
	if _, err := kv.Get(t.Context(), keyOf("orphan")); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("the record of the orphan: %v, want none", err)
	}
	if late, err := s.Create(t.Context(), task.Task{ID: "b", Status: task.Pending, IdempotencyKey: "orphan"}); !errors.Is(err, task.ErrConflict) {
		t.Errorf("its start comes late: %+v, %v; want ErrConflict", late, err)
	}
}

func TestADeletedTaskIsNotCreatedAgain(t *testing.T) { // T11, T14: the first try's answer was lost
	for _, key := range []string{"", "key"} {
		s, _ := serve(t, brokertest.InProcess(t), "node-1")
		given := task.Task{ID: "a", IdempotencyKey: key, Status: task.Pending}
		if err := s.Delete(t.Context(), create(t, s, given)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Create(t.Context(), given); !errors.Is(err, task.ErrConflict) {
			t.Errorf("with key %q: %+v, %v; want ErrConflict", key, got, err)
		}
		wantListed(t, s)
		stored := create(t, s, task.Task{ID: "b", IdempotencyKey: key})
		wantListed(t, s, stored)
	}
}

func TestAnIDThatIsTakenLeavesTheKeyFree(t *testing.T) { // T14
	s, _ := serve(t, brokertest.InProcess(t), "node-1")
	first := create(t, s, task.Task{ID: "a"})
	if got, err := s.Create(t.Context(), task.Task{ID: "a", IdempotencyKey: "key"}); !errors.Is(err, task.ErrDuplicate) || !cmp.Equal(got, first) {
		t.Errorf("%+v, %v; want the task that has the ID", got, err)
	}
	create(t, s, task.Task{ID: "b", IdempotencyKey: "key"})
}

func TestAKeyCostsNoCopyOfTheTask(t *testing.T) { // T14
	b := brokertest.InProcess(t)
	s, _ := serve(t, b, "node-1")
	create(t, s, task.Task{ID: "a", IdempotencyKey: "key", Params: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)})
	entry, err := bucketOf(t, b).Get(t.Context(), keyOf("key"))
	if err != nil || len(entry.Value()) > 200 {
		t.Errorf("the key's record has %d bytes, %v", len(entry.Value()), err)
	}
}

func bucketOf(t *testing.T, b *natsbroker.Broker) jetstream.KeyValue {
	t.Helper()
	kv, err := b.JetStream().KeyValue(t.Context(), "heliograph_tasks")
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func putText(t *testing.T, kv jetstream.KeyValue, key, text string) (revision uint64) {
	t.Helper()
	revision, err := kv.PutString(t.Context(), key, text)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// keyOf is the name of an Idempotency-Key's record.
func keyOf(key string) string { return "key." + natsbroker.Digest(key) }

func TestListWaitsNoLongerThanItsCaller(t *testing.T) {
	s, stop := serve(t, brokertest.InProcess(t), "node-1")
	stop()
	create(t, s, task.Task{ID: "a"}) // it never reaches the copy
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := s.List(ctx, task.Query{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("list: %v, want the context's error", err)
	}
}

// A record that cannot be read is left out, and what is there beside it goes on.
func TestARecordThatCannotBeReadIsLeftOut(t *testing.T) {
	for name, junk := range map[string]string{
		"a field of another type": `{"ID":"junk","Status":"pending","Attempt":"1"}`, "no JSON": `{not json`, "nothing": ``,
		"another program's": `{"Attempt":1}`, "a state of a later version": `{"ID":"junk","Status":"paused"}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := brokertest.InProcess(t)
			putJunk := func() { putText(t, bucketOf(t, b), "task.junk", junk) }
			one, stop := serve(t, b, "node-1")
			before := create(t, one, task.Task{ID: "a", Created: noon})
			create(t, one, task.Task{ID: "junk", Created: noon, IdempotencyKey: "key"})
			putJunk()
			putText(t, bucketOf(t, b), "task.x.y", junk) // no key of ours
			wantListed(t, one, before)
			stop()

			changed := make(chan task.Task, 10)
			two, _ := serve(t, b, "node-2")
			defer two.Watch(func(t task.Task) { changed <- t })()
			after := create(t, two, task.Task{ID: "c", Created: noon.Add(time.Second), IdempotencyKey: "other"})
			wantListed(t, two, after, before)
			for len(changed) > 0 {
				if got := <-changed; got.ID == "junk" {
					t.Errorf("watchers were called with %+v", got)
				}
			}
			if _, err := two.Expired(t.Context(), task.Retention{}); err != nil {
				t.Errorf("expired: %v", err)
			}
			if got, err := two.Get(t.Context(), "junk"); !errors.Is(err, task.ErrNotFound) {
				t.Errorf("%+v, %v; want ErrNotFound", got, err)
			}
			if got, err := two.Create(t.Context(), task.Task{ID: "d", Status: task.Pending, IdempotencyKey: "key"}); !errors.Is(err, task.ErrUnavailable) {
				t.Errorf("a second task with its key: %+v, %v; want ErrUnavailable", got, err) // T14
			}
			putText(t, bucketOf(t, b), keyOf("bad key"), "{")
			if got, err := two.Create(t.Context(), task.Task{ID: "e", Status: task.Pending, IdempotencyKey: "bad key"}); !errors.Is(err, task.ErrUnavailable) {
				t.Errorf("a task with a key that cannot be read: %+v, %v; want ErrUnavailable", got, err)
			}
			if n := b.Unreadable()["KV_heliograph_tasks"]; n != 3 {
				t.Errorf("counted are %d, want 3", n)
			}
		})
	}
}
