package records_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/test/logs"
	"heliograph/test/taskparts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is Records with everything around them.
type fixture struct {
	*records.Records
	taskparts.NoMetrics
	t             *testing.T
	store         *faultyStore
	sent          *taskparts.Events
	life          *lifecycle.Lifecycle
	logs          logs.Logs
	ended         []task.ID
	lost, retried int // leases; attempts
}

var work, outside = &task.Type{Name: "work"}, &task.Type{Name: "outside", Outside: true, Policy: task.Policy{Attempts: 2, Backoff: time.Second}}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: &faultyStore{Store: memtaskstore.New()}, sent: &taskparts.Events{}, life: lifecycle.New()}
	f.Records = f.with(f.sent)
	return f
}

// with returns Records that publish there.
func (f *fixture) with(p event.Publisher) *records.Records {
	return records.New(records.Deps{
		Store: f.store, Nodes: memnodes.New(cluster.NewLife("one", "life")), Publisher: p,
		Metrics: f, Life: f.life, Log: f.logs.Logger(), MaxEventBytes: 2048, Ended: func(t task.Task) { f.ended = append(f.ended, t.ID) },
	})
}

// LeaseLost implements task.Metrics.
func (f *fixture) LeaseLost(string) { f.lost++ }

func (f *fixture) Retried(string) { f.retried++ }

// faultyStore fails as often as a test wants, with the change taken all the same
// or not, and outlives the process if a test wants it.
type faultyStore struct {
	task.Store
	fails    int
	taken    bool
	outlives bool

	settleFails int
}

func (s *faultyStore) Settle(ctx context.Context, node cluster.Life, revision uint64) error {
	if s.settleFails == 0 {
		return s.Store.Settle(ctx, node, revision)
	}
	s.settleFails--
	return errDown
}

var errDown = errors.New("the store is down")

func (s *faultyStore) Outlives() bool { return s.outlives }

func (s *faultyStore) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if s.fails == 0 {
		return s.Store.Update(ctx, t)
	}
	s.fails--
	if s.taken {
		if _, err := s.Store.Update(ctx, t); err != nil {
			return task.Task{}, err
		}
	}
	return task.Task{}, errDown
}

// creates returns a pending task.
func (f *fixture) creates(typ *task.Type) task.Task {
	f.t.Helper()
	return f.createsAs("a", typ)
}

func (f *fixture) createsAs(id task.ID, typ *task.Type) task.Task {
	f.t.Helper()
	t, err := f.store.Create(f.t.Context(), task.Task{ID: id, Type: typ.Name, Status: task.Pending, Created: time.Now(), Attempt: 1})
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

// begins returns a running task.
func (f *fixture) begins(typ *task.Type) task.Task {
	f.t.Helper()
	t, err := f.Attempts.Begin(f.t.Context(), candidate(f.creates(typ), "lease", false))
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

// beginsAs returns a running task of that ID.
func (f *fixture) beginsAs(id task.ID) task.Task {
	f.t.Helper()
	t, err := f.Attempts.Begin(f.t.Context(), candidate(f.createsAs(id, work), "lease", false))
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

// known returns the record of any task.
func (f *fixture) known(id task.ID) task.Task {
	f.t.Helper()
	t, err := f.store.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

func ownerOf(t task.Task) records.Ownership {
	return records.Ownership{Lease: t.Lease, Generation: t.OwnerGeneration}
}

// conclusion is the end of the attempt that has begun as t.
func conclusion(t task.Task, typ *task.Type, e records.Ending) records.Conclusion {
	e.At = time.Now()
	return records.Conclusion{Ending: e, Begun: t, Known: t, Owner: ownerOf(t), Type: typ, Last: t.Seq}
}

func (f *fixture) get() task.Task {
	f.t.Helper()
	t, err := f.store.Get(f.t.Context(), "a")
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

// candidate is the attempt that t waits for.
func candidate(t task.Task, lease task.Lease, used bool) records.Candidate {
	return records.Candidate{ID: t.ID, Attempt: t.Attempt, Lease: lease, Used: used}
}

func TestABeginThatIsRepeatedIsKnownByItsLease(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.begins(work)
	if again, err := f.Attempts.Begin(t.Context(), candidate(first, "lease", true)); err != nil || again.Revision != first.Revision {
		t.Errorf("the same beginning again: %+v, %v", again, err)
	}
	if _, err := f.Attempts.Begin(t.Context(), candidate(first, "other", false)); !records.Decided(err) {
		t.Errorf("another beginning: %v", err)
	}
	if got := f.get(); got.Status != task.Running || got.Seq != 1 || got.Node.Node() != "one" {
		t.Errorf("the record is %+v", got)
	}
}

func TestALeaseThatMayHaveBeenUsedBeginsNothing(t *testing.T) { // T2
	t.Parallel()
	f := newFixture(t)
	created := f.creates(work)
	if _, err := f.Attempts.Begin(t.Context(), candidate(created, "lease", true)); !errors.Is(err, records.ErrLeaseUsed) || f.get().Status != task.Pending {
		t.Errorf("the record is %+v, %v", f.get(), err)
	}
}

func TestOnlyTheOwnerOfAnAttemptChangesIt(t *testing.T) { // T11
	t.Parallel()
	f := newFixture(t)
	begun := f.begins(outside)
	all := func(string) bool { return true }
	taken, err := f.Attempts.TakeOver(t.Context(), "a", "lease", all)
	if err != nil || taken.OwnerGeneration != 1 {
		t.Fatalf("taken over: %+v, %v", taken, err)
	}
	if _, err := f.Attempts.TakeOver(t.Context(), "a", "other", all); !errors.Is(err, task.ErrLeaseLost) {
		t.Errorf("by another lease: %v", err)
	}
	news := func(*task.Task) records.News {
		return records.News{Notes: []records.Note{{Type: task.EventProgress, Seq: 9}}}
	}
	if _, err := f.Attempts.SaveNews(t.Context(), begun, ownerOf(begun), news); !errors.Is(err, task.ErrLeaseLost) {
		t.Errorf("progress of the former owner: %v", err)
	}
	if _, err := f.Ends.End(t.Context(), conclusion(begun, outside, records.Completed(nil))); !errors.Is(err, task.ErrLeaseLost) {
		t.Errorf("the end by the former owner: %v", err)
	}
	if got := f.get(); got.Revision != taken.Revision || len(f.sent.All()) != 0 {
		t.Errorf("the record is %+v, published was %v", got, f.sent.All())
	}
	if got, err := f.Ends.End(t.Context(), conclusion(taken, outside, records.Completed(nil))); err != nil || got.Status != task.Completed || f.ended[0] != "a" {
		t.Errorf("the end by the owner: %+v, %v", got, err)
	}
}

func TestAnEndThatTheStoreDoesNotTakeIsRetriedAndPublishedOnce(t *testing.T) { // T11
	for name, taken := range map[string]bool{"it was not taken": false, "it was taken all the same": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				begun := f.begins(work)
				f.store.fails, f.store.taken = 3, taken
				refused, recorded := 0, 0
				c := conclusion(begun, work, records.Completed([]byte(`1`)))
				c.Refused, c.Recorded = func() { refused++ }, func() { recorded++ }
				got, err := f.Ends.End(t.Context(), c)
				if err != nil || got.Status != task.Completed || recorded != 1 || refused == 0 {
					t.Errorf("%+v, %v; refused %d times, recorded %d times", got, err, refused, recorded)
				}
				if len(f.sent.All()) != 1 || f.sent.All()[0].Type != task.EventCompleted || f.sent.All()[0].Seq != 2 {
					t.Errorf("published was %+v", f.sent.All())
				}
				if !strings.Contains(f.logs.String(), "could not be changed yet") {
					t.Error("it was not warned of")
				}
			})
		})
	}
}

func TestALostAttemptStartsOverWhileAttemptsAreLeft(t *testing.T) { // T2, T18
	t.Parallel()
	f := newFixture(t)
	begun := f.begins(outside)
	got, err := f.Ends.End(t.Context(), conclusion(begun, outside, records.Lost(task.Failure{Error: "worker_lost: gone", Code: task.CodeWorkerLost})))
	if err != nil || got.Status != task.Pending || got.Attempt != 2 || got.Lease != "" || got.NotBefore.IsZero() || f.lost != 1 {
		t.Errorf("after the first attempt: %+v, %v", got, err)
	}
	if _, err := f.Attempts.Begin(t.Context(), candidate(begun, "late", false)); !errors.Is(err, records.ErrOtherAttempt) || !records.Decided(err) {
		t.Errorf("the first attempt once more: %v", err)
	}
	second, err := f.Attempts.Begin(t.Context(), candidate(got, "second", false))
	if err != nil {
		t.Fatal(err)
	}
	got, err = f.Ends.End(t.Context(), conclusion(second, outside, records.Lost(task.Failure{Error: "worker_lost: gone", Code: task.CodeWorkerLost})))
	if err != nil || got.Status != task.Failed || got.Error != "worker_lost: gone" || got.Lease != "" {
		t.Errorf("after the second attempt: %+v, %v", got, err)
	}
}

func TestTheFinalEventStaysPendingUntilItIsPublished(t *testing.T) { // T11
	t.Parallel()
	f := newFixture(t)
	f.store.outlives = true
	f.sent.Fail(event.ErrUnavailable)
	got, err := f.Ends.End(t.Context(), conclusion(f.begins(work), work, records.Failed(task.Failure{Error: "it broke"})))
	if err != nil || !f.get().FinalEventPending || f.get().Node.Node() != "one" {
		t.Fatalf("the record is %+v, %v", got, err)
	}
	if f.FinalEvents.Publish(t.Context(), f.get()) {
		t.Error("it is said to be published")
	}
	f.sent.Fail(nil)
	if !f.FinalEvents.Publish(t.Context(), f.get()) || f.get().FinalEventPending || len(f.sent.All()) != 1 {
		t.Errorf("the record is %+v, published was %v", f.get(), f.sent.All())
	}
}

func TestABeginningIsUndoneUnlessItStands(t *testing.T) { // T2
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(*task.Task)
		want      records.Undone
		status    task.Status
	}{
		"it is undone":                      {func(*task.Task) {}, records.Undone{}, task.Pending},
		"it stands when it was cancelled":   {func(t *task.Task) { t.CancelRequested = true }, records.Undone{Stands: true, Cancelled: true}, task.Running},
		"it is another node's in the end":   {func(t *task.Task) { t.OwnerGeneration++ }, records.Undone{Elsewhere: true}, task.Running},
		"it has ended by a call in between": {func(t *task.Task) { t.Status = task.Failed }, records.Undone{Elsewhere: true}, task.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			begun := f.begins(outside)
			record := begun
			c.meanwhile(&record)
			if _, err := f.store.Update(t.Context(), record); err != nil {
				t.Fatal(err)
			}
			if got := f.Attempts.UndoBegin(t.Context(), begun); got != c.want || f.get().Status != c.status {
				t.Errorf("%+v, the record is %+v", got, f.get())
			}
		})
	}
}

func TestCancelEndsAPendingTaskAndMarksARunningOne(t *testing.T) { // T7
	t.Parallel()
	f := newFixture(t)
	f.creates(work)
	if got, err := f.Ends.RequestCancel(t.Context(), "a"); err != nil || got.Status != task.Cancelled || got.Seq != 1 {
		t.Errorf("one that waited: %+v, %v", got, err)
	}
	if _, err := f.Ends.RequestCancel(t.Context(), "a"); !errors.Is(err, task.ErrNotCancellable) {
		t.Errorf("one that has ended: %v", err)
	}
	if err := f.Removals.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	f.begins(work)
	if got, err := f.Ends.RequestCancel(t.Context(), "a"); err != nil || got.Status != task.Running || !got.CancelRequested {
		t.Errorf("one that runs: %+v, %v", got, err)
	}
	if err := f.Removals.Remove(t.Context(), "a"); !errors.Is(err, task.ErrNotFinished) {
		t.Errorf("removing one that runs: %v", err)
	}
}

func TestTextsAreCutWithWholeRunes(t *testing.T) { // E8
	t.Parallel()
	for text, want := range map[string]string{"short": "short", "exactly ten": "exactly…", "€€€€": "€€…", "": ""} {
		if got := records.Cut(text, 10); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
