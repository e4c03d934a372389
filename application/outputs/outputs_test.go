package outputs_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/memoutput"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/outputs"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the use cases over memory, with one running task, "a".
type fixture struct {
	*outputs.Service

	t     *testing.T
	store *memoutput.Store
	tasks *memtaskstore.Store
	task  task.Task
}

// leases has one that is good: "lease".
type leases struct{ asked int }

func (l *leases) KeepLease(_ context.Context, _ task.ID, lease task.Lease) error {
	l.asked++
	if lease != "lease" {
		return task.ErrLeaseLost
	}
	return nil
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: memoutput.New(memoutput.Config{Tail: output.MinTail}, slog.New(slog.DiscardHandler)), tasks: memtaskstore.New()}
	f.Service = outputs.New(f.store, f.tasks, &leases{})
	t.Cleanup(func() {
		for range 2 {
			if err := f.Stop(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	created, err := f.tasks.Create(t.Context(), task.Task{ID: "a", Type: "t", Status: task.Running, Attempt: 1})
	if err != nil {
		t.Fatal(err)
	}
	f.task = created
	return f
}

func (f *fixture) ends() {
	f.t.Helper()
	f.task.Status = task.Completed
	var err error
	if f.task, err = f.tasks.Update(f.t.Context(), f.task); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) prints(offset int64, text string) {
	f.t.Helper()
	if length, err := f.Append(f.t.Context(), "a", "lease", offset, []byte(text)); err != nil || length != offset+int64(len(text)) {
		f.t.Fatalf("Append at %d: %d, %v", offset, length, err)
	}
}

func TestAWorkerAppendsWithItsLease(t *testing.T) { // T21
	f := newFixture(t)
	f.prints(0, "one")
	f.prints(0, "one") // the answer was lost
	f.prints(3, "two")
	if length, err := f.Append(t.Context(), "a", "lease", -1, nil); err != nil || length != 6 {
		t.Errorf("asked for the length: %d, %v", length, err)
	}
	for what, c := range map[string]struct {
		lease  task.Lease
		offset int64
		text   string
		want   error
	}{
		"another's lease":        {"other", 6, "x", task.ErrLeaseLost},
		"a wrong offset":         {"lease", 5, "x", output.ErrWrongOffset},
		"no offset":              {"lease", -1, "x", output.ErrWrongOffset},
		"too much":               {"lease", 6, strings.Repeat("x", output.MaxAppend+1), output.ErrTooLarge},
		"half a character":       {"lease", 6, "\xf0\x9f", output.ErrInvalidUTF8},
		"a length without lease": {"other", -1, "", task.ErrLeaseLost},
	} {
		if _, err := f.Append(t.Context(), "a", c.lease, c.offset, []byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	if got, err := f.Read(t.Context(), "a", 0, 100); err != nil || string(got.Text) != "onetwo" || got.Closed {
		t.Errorf("it is %q, %v", got.Text, err)
	}
}

func TestAReaderGetsWhatThereIsAndWhetherThatIsAll(t *testing.T) { // T22
	f := newFixture(t)
	f.prints(0, "onetwo")
	for _, end := range []bool{false, true} {
		if end {
			f.ends()
		}
		for from, want := range map[int64]string{0: "onetwo", 3: "two", 6: "", -1: ""} {
			if got, err := f.Read(t.Context(), "a", from, 100); err != nil || string(got.Text) != want || got.End() != 6 || got.Complete() != end {
				t.Errorf("from %d: %+v, %v", from, got, err)
			}
		}
		if got, err := f.Read(t.Context(), "a", 0, 4); err != nil || string(got.Text) != "onet" || got.Complete() {
			t.Errorf("a part: %+v, %v", got, err)
		}
	}
	if _, err := f.Read(t.Context(), "a", 7, 100); !errors.Is(err, output.ErrWrongOffset) {
		t.Errorf("beyond the end: %v", err)
	}
	if _, err := f.Read(t.Context(), "b", 0, 100); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("of no task: %v", err)
	}
}

func TestATaskThatIsBeingRemovedHasNoOutput(t *testing.T) { // T9, T21
	f := newFixture(t)
	f.prints(0, "one")
	f.ends()
	f.task.Removed = true // and its record is still there
	if _, err := f.tasks.Update(t.Context(), f.task); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(t.Context(), "a", 0, 100); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("Read: %+v, %v", got, err)
	}
}

func TestAReaderWaitsForMoreOrTheEnd(t *testing.T) { // T22
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.prints(0, "one")
		results := make(chan string, 10)
		await := func(from int64) {
			go func() {
				c, err := f.Await(t.Context(), "a", from, 100)
				results <- string(c.Text) + map[bool]string{true: ".", false: ""}[c.Complete()] + errText(err)
			}()
			synctest.Wait()
		}
		want := func(want string) {
			t.Helper()
			select {
			case got := <-results:
				if got != want {
					t.Errorf("a reader got %q, want %q", got, want)
				}
			default:
				t.Errorf("a reader got nothing, want %q", want)
			}
		}
		await(0)
		want("one")
		await(-1)
		await(3)
		if len(results) > 0 {
			t.Fatalf("there is nothing, and a reader got %q", <-results)
		}
		f.prints(3, "two")
		synctest.Wait()
		want("two")
		want("two")
		await(6)
		f.ends()
		synctest.Wait()
		want(".")
		await(3)
		want("two.")
		await(99)
		want(errText(&output.OffsetError{Length: 6}))
	})
}

func TestWaitingEndsWithItsContextAndTheService(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // longer than it waits for news at once
		defer cancel()
		if _, err := f.Await(ctx, "a", 0, 100); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its time: %v", err)
		}
		ended := make(chan error)
		go func() {
			_, err := f.Await(t.Context(), "a", 0, 100)
			ended <- err
		}()
		synctest.Wait()
		_ = f.Stop(t.Context())
		if err := <-ended; !errors.Is(err, output.ErrShuttingDown) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

func TestAnOutputGoesWithItsTask(t *testing.T) { // T21
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.prints(0, "one")
		if _, err := f.store.Append(t.Context(), "before", 0, []byte("of a task that was removed by a node that has died")); err != nil {
			t.Fatal(err)
		}
		keeper := outputs.NewKeeper(f.store, f.tasks, memnodes.New("node"), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = keeper.Serve(ctx) }()
		pass(2 * time.Minute)
		synctest.Wait()
		f.wantIDs("a")
		f.ends()
		if err := f.tasks.Delete(t.Context(), f.task); err != nil {
			t.Fatal(err)
		}
		keeper.Removed("a")
		synctest.Wait()
		f.wantIDs()
		for range 20_000 { // more than can wait
			keeper.Removed("b")
		}
	})
}

func TestAnOutputThatCannotBeRemovedIsRemovedLater(t *testing.T) { // T21
	synctest.Test(t, func(t *testing.T) {
		store := mocks.NewMockOutputStore(gomock.NewController(t))
		tries := 0
		store.EXPECT().IDs(gomock.Any()).DoAndReturn(func(context.Context) ([]task.ID, error) { return []task.ID{"gone"}, nil }).AnyTimes()
		store.EXPECT().Delete(gomock.Any(), task.ID("gone")).DoAndReturn(func(context.Context, task.ID) error {
			tries++
			return output.ErrUnavailable
		}).AnyTimes()
		keeper := outputs.NewKeeper(store, memtaskstore.New(), memnodes.New("node"), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
		defer cancel()
		_ = keeper.Serve(ctx)
		if tries != 3 {
			t.Errorf("it was tried %d times in 25 minutes, want 3", tries)
		}
	})
}

func (f *fixture) wantIDs(want ...task.ID) {
	f.t.Helper()
	got, err := f.store.IDs(f.t.Context())
	if err != nil || len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
		f.t.Errorf("outputs of %q, want %q", got, want)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
