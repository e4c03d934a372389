package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// outsideType is the type "outside", which workers outside run.
func outsideType(policy task.Policy) task.Type {
	return task.Type{Name: "outside", Handler: handler(succeed), Outside: true, Policy: policy}
}

// begin starts a task of a type.
func (f *fixture) begin(typ string) task.ID {
	f.t.Helper()
	t, err := f.Start(f.t.Context(), task.Request{Type: typ, Params: json.RawMessage(`{"n":1}`)})
	if err != nil {
		f.t.Fatalf("start %s: %v", typ, err)
	}
	return t.ID
}

// claim claims a task of the type "outside", which must be there within the hour.
func (f *fixture) claim() task.Claim {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Hour)
	defer cancel()
	c, err := f.Claim(ctx, []string{"outside"}, "")
	if err != nil {
		f.t.Fatalf("claim: %v", err)
	}
	return c
}

// report reports progress of the worker of c, and checks the answer.
func (f *fixture) report(c task.Claim, u task.Update, wantCancel bool, wantErr error) {
	f.t.Helper()
	got, err := f.Progress(f.t.Context(), c.Task.ID, c.Lease, u)
	if got != wantCancel || !errors.Is(err, wantErr) {
		f.t.Errorf("Progress of %s: %v, %v; want %v, %v", c.Task.ID, got, err, wantCancel, wantErr)
	}
}

// wantLate checks that the lease is worth nothing any more.
func (f *fixture) wantLate(c task.Claim) {
	f.t.Helper()
	before, err := f.Get(f.t.Context(), c.Task.ID)
	events := len(f.wire.of(c.Task.ID))
	f.report(c, task.Update{Value: new(0.9)}, false, task.ErrLeaseLost)
	complete := f.Complete(f.t.Context(), c.Task.ID, c.Lease, json.RawMessage(`"late"`))
	fail := f.Fail(f.t.Context(), c.Task.ID, c.Lease, task.Failure{Error: "late"})
	if err != nil || !errors.Is(complete, task.ErrLeaseLost) || !errors.Is(fail, task.ErrLeaseLost) {
		f.t.Errorf("late calls: %v, %v (%v)", complete, fail, err)
	}
	after := f.wantStatus(c.Task.ID, before.Status)
	if after.Revision != before.Revision || len(f.wire.of(c.Task.ID)) != events {
		f.t.Errorf("late calls changed %+v to %+v", before, after)
	}
}

func TestAWorkerOutsideRunsATask(t *testing.T) { // T3, T4, T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}))
		id := f.begin("outside")
		f.wantStatus(id, task.Pending)
		c := f.claim()
		if c.Task.ID != id || string(c.Task.Params) != `{"n":1}` || c.Task.Attempt != 1 || c.Lease == "" || c.Term != 30*time.Second {
			t.Errorf("the claim is %+v", c)
		}
		f.wantStatus(id, task.Running)
		f.report(c, task.Update{Text: new("half"), Done: new(5.0), Total: new(10.0), Unit: new("files")}, false, nil)
		synctest.Wait()
		if err := f.Complete(t.Context(), id, c.Lease, json.RawMessage(` {"n": 2}`)); err != nil {
			t.Errorf("Complete: %v", err)
		}
		record, err := f.Get(t.Context(), id) // terminal as soon as Complete returned
		if err != nil || record.Status != task.Completed || string(record.Result) != `{"n":2}` || record.Progress.Value != 0.5 {
			t.Errorf("the record is %+v, %v", record, err)
		}
		events := f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventProgress, task.EventCompleted)[1:]
		if got := string(events[1].Data); got != `{"text":"half","value":0.5,"done":5,"total":10,"unit":"files"}` {
			t.Errorf("the progress is %s", got)
		}
		f.stop(time.Minute)
		f.wantLawful()
	})
}

func TestOnlyTheSameEndMayBeReportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}))
		for name, c := range map[string]struct {
			say, other func(task.Claim) error
			want       task.Status
		}{
			"complete": {f.completes, f.fails, task.Completed},
			"fail":     {f.fails, f.completes, task.Failed},
		} {
			id := f.begin("outside")
			claim := f.claim()
			first, again, other := c.say(claim), c.say(claim), c.other(claim)
			if first != nil || again != nil || !errors.Is(other, task.ErrLeaseLost) {
				t.Errorf("%s: %v, again: %v, then another: %v", name, first, again, other)
			}
			f.wantStatus(id, c.want)
			if n := len(f.wire.of(id)); n != 3 {
				t.Errorf("%s: %d events", name, n)
			}
		}
	})
}

func (f *fixture) completes(c task.Claim) error {
	return f.Complete(f.t.Context(), c.Task.ID, c.Lease, nil)
}

func (f *fixture) fails(c task.Claim) error {
	return f.Fail(f.t.Context(), c.Task.ID, c.Lease, task.Failure{Error: "it broke"})
}

func TestAWorkerWithoutALeaseChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}), work(untilCancelled))
		f.begin("outside")
		c := f.claim()
		c.Lease = "guessed"
		f.wantLate(c)
		pooled := f.wantStatus(f.run(), task.Running)
		f.wantLate(task.Claim{Task: pooled, Lease: pooled.Lease}) // that of the pool is no worker's
		if _, err := f.Progress(t.Context(), "unknown", c.Lease, task.Update{}); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("Progress of an unknown task: %v", err)
		}
		if err := f.Complete(t.Context(), "unknown", c.Lease, nil); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("Complete of an unknown task: %v", err)
		}
	})
}

func TestAClaimWaitsForATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}), work(succeed))
		claimed := make(chan task.ID, 10)
		for range 2 {
			go func() { claimed <- f.claim().Task.ID }()
		}
		synctest.Wait()
		f.run() // of another type
		want := f.begin("outside")
		synctest.Wait()
		if got := <-claimed; got != want || len(claimed) != 0 {
			t.Errorf("claimed %s, want %s and no other", got, want)
		}
		f.begin("outside")
		<-claimed
	})
}

func TestAClaimOfNoTypeForWorkersOutsideIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}), work(succeed))
		for _, types := range [][]string{nil, {"other"}, {"work"}} {
			if _, err := f.Claim(t.Context(), types, ""); !errors.Is(err, task.ErrUnknownType) {
				t.Errorf("Claim(%v): %v", types, err)
			}
		}
		f.begin("outside")
		if c, err := f.Claim(t.Context(), []string{"other", "outside", "outside"}, ""); err != nil || c.Task.Type != "outside" {
			t.Errorf("Claim = %+v, %v", c, err)
		}
	})
}

func TestAClaimWhoseCallerHasGoneTakesNoTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}))
		ctx, cancel := context.WithCancel(t.Context())
		const callers, n = 50, 20
		errs := make(chan error, callers)
		claimed := 0
		for range callers {
			go func() {
				_, err := f.Claim(ctx, []string{"outside"}, "")
				errs <- err
			}()
		}
		synctest.Wait()
		go cancel() // at the same moment as the tasks come
		for range n {
			f.begin("outside")
		}
		for range callers {
			if err := <-errs; err == nil {
				claimed++
			} else if !errors.Is(err, task.ErrNoTask) {
				t.Errorf("Claim: %v", err)
			}
		}
		for range n - claimed {
			f.claim()
		}
		if running, queued := f.Counts(); running != n || queued != 0 {
			t.Errorf("%d run and %d wait", running, queued)
		}
		if _, err := f.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Errorf("Claim with an ended context: %v", err)
		}
	})
}

func TestALostLeaseFailsTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.start(outsideType(task.Policy{Lease: 10 * time.Second}))
		id := f.begin("outside")
		c := f.claim()
		for range 5 {
			pass(9 * time.Second)
			f.report(c, task.Update{}, false, nil)
		}
		pass(10*time.Second - 1)
		f.wantStatus(id, task.Running)
		pass(1)
		if got := f.wantStatus(id, task.Failed); got.Error != "worker_lost: it did not report for 10s" || got.ErrorCode != task.CodeWorkerLost {
			t.Errorf("the record is %+v", got)
		}
		f.wantLate(c)
		f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventFailed)
		if f.metrics.lost != 1 {
			t.Errorf("%d leases were counted as lost", f.metrics.lost)
		}
	})
}

func TestALostLeaseLeadsToTheNextAttemptIfThereIsOne(t *testing.T) { // T2, T3, T4
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		policy := task.Policy{Lease: 10 * time.Second, Attempts: 3, Backoff: 4 * time.Second}
		f.start(outsideType(policy))
		id := f.begin("outside")
		second := policy.Lease + policy.RetryDelay(id, 2)
		began := time.Now()
		var late []task.Claim
		for attempt, want := range []time.Duration{0, second, second + policy.Lease + policy.RetryDelay(id, 3)} {
			c := f.claim() // as soon as the back-off is over
			if at := time.Since(began); at != want || c.Task.Attempt != attempt+1 || c.Task.Progress != (task.Progress{}) {
				t.Errorf("attempt %d began after %s: %+v", attempt+1, at, c.Task)
			}
			f.report(c, task.Update{Value: new(0.5 - float64(attempt)/10)}, false, nil)
			synctest.Wait()
			late = append(late, c)
		}
		pass(5 * time.Second)
		for _, c := range late[:2] {
			f.wantLate(c)
		}
		pass(5 * time.Second)
		f.wantStatus(id, task.Failed)
		events := f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventProgress, task.EventRetrying, task.EventStarted, task.EventProgress,
			task.EventRetrying, task.EventStarted, task.EventProgress, task.EventFailed)[1:]
		for i, want := range []int{1, 1, 1, 2, 2, 2, 3, 3, 3} {
			if events[i].Attempt != want {
				t.Errorf("event %d is of attempt %d, want %d", i, events[i].Attempt, want)
			}
		}
		f.stop(time.Minute)
		f.wantLawful()
	})
}

func TestATaskThatWaitsForItsNextAttemptIsInTheSnapshotAndCanBeCancelled(t *testing.T) { // T7, T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.QueueSize = 1
		f.start(outsideType(task.Policy{Lease: 10 * time.Second, Attempts: 2, Backoff: 30 * time.Minute}))
		id := f.begin("outside")
		f.report(f.claim(), task.Update{Value: new(0.5)}, false, nil)
		pass(10 * time.Second)
		next := time.Now().Add(f.policyOf("outside").RetryDelay(id, 2)).UTC().Format(time.RFC3339Nano)
		want := `{"tasks":[{"task_id":"task-1","type":"outside","created_at":"2000-01-01T00:00:00Z","status":"pending","cancel_requested":false,"progress":{"text":"","value":0},"seq":4,"attempt":2,"labels":{},"next_at":"` + next + `"}]}`
		if got := f.connect("a"); string(got[0].Data) != want {
			t.Errorf("the snapshot is %s", got[0].Data)
		}
		if running, queued := f.Counts(); running != 0 || queued != 1 {
			t.Errorf("%d run and %d wait", running, queued)
		}
		f.cancel(id)
		f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventProgress, task.EventRetrying, task.EventCancelled)
		f.begin("outside") // its seat is free
		if _, queued := f.Counts(); queued != 1 {
			t.Errorf("%d wait", queued)
		}
	})
}

func TestCancellingATaskOfAWorkerOutside(t *testing.T) { // T7
	for name, c := range map[string]struct {
		end  func(f *fixture, c task.Claim) error
		want task.Status
	}{
		"it stops":          {(*fixture).fails, task.Cancelled},
		"it had finished":   {(*fixture).completes, task.Completed},
		"it ignores it":     {func(*fixture, task.Claim) error { pass(30 * time.Second); return nil }, task.Failed},
		"its lease is lost": {func(*fixture, task.Claim) error { pass(20 * time.Second); return nil }, task.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				lease := map[bool]time.Duration{true: 20 * time.Second, false: time.Hour}[name == "its lease is lost"]
				f.start(outsideType(task.Policy{Lease: lease, Attempts: 5}))
				id := f.begin("outside")
				claim := f.claim()
				if got := f.cancel(id); !got.CancelRequested || got.Status != task.Running {
					t.Errorf("Cancel returned %+v", got)
				}
				f.report(claim, task.Update{}, true, nil)
				if err := c.end(f, claim); err != nil {
					t.Error(err)
				}
				f.wantStatus(id, c.want) // and never another attempt
				if n := len(f.wire.of(id)); n != 4 {
					t.Errorf("there are %d events", n)
				}
			})
		})
	}
}

func TestTheTimeLimitOfAWorkerOutsideCountsFromItsClaim(t *testing.T) { // T8
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.start(outsideType(task.Policy{Lease: time.Hour, Timeout: time.Minute, Attempts: 5}))
		id := f.begin("outside")
		pass(50 * time.Second)
		c := f.claim()
		pass(time.Minute - 1)
		f.report(c, task.Update{}, false, nil)
		pass(1)
		if got := f.wantStatus(id, task.Failed); got.Error != "the task exceeded its time limit of 1m0s" || got.ErrorCode != task.CodeTimeLimit {
			t.Errorf("the record is %+v", got)
		}
		f.wantLate(c)
	})
}

func TestShutdownWithWorkersOutside(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.start(outsideType(task.Policy{Lease: time.Hour}))
		f.begin("outside")
		f.begin("outside")
		f.begin("outside")
		obeys, ignores := f.claim(), f.claim()
		refused := make(chan error, 1)
		go func() {
			_, err := f.Claim(t.Context(), []string{"outside"}, "")
			refused <- err
		}()
		synctest.Wait()
		third := f.wantStatus("task-3", task.Running) // the claim above has it
		go func() {
			_, err := f.Claim(t.Context(), []string{"outside"}, "")
			refused <- err
		}()
		synctest.Wait()
		go f.stop(30 * time.Second)
		synctest.Wait()
		if first, second := <-refused, <-refused; first != nil || !errors.Is(second, task.ErrShuttingDown) {
			t.Errorf("the claims: %v, %v", first, second)
		}
		if _, err := f.Claim(t.Context(), []string{"outside"}, ""); !errors.Is(err, task.ErrShuttingDown) {
			t.Errorf("Claim while stopping: %v", err)
		}
		f.report(obeys, task.Update{}, false, nil) // it may finish until near the end
		pass(25 * time.Second)
		f.report(obeys, task.Update{}, true, nil)
		if err := f.fails(obeys); err != nil {
			t.Error(err)
		}
		pass(5 * time.Second)
		f.wantStatus(obeys.Task.ID, task.Cancelled)
		for _, id := range []task.ID{ignores.Task.ID, third.ID} {
			if got := f.wantStatus(id, task.Failed); got.Error != "the task was abandoned: it did not stop when the service shut down" {
				t.Errorf("the error is %q", got.Error)
			}
		}
		f.wantLawful()
	})
}

func TestALeaseThatIsLostDuringShutdownFailsTheTask(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Lease: time.Second, Attempts: 2}))
		id := f.begin("outside")
		f.claim()
		f.stop(time.Minute)
		f.wantStatus(id, task.Failed)
		f.wantLawful()
	})
}

func TestATaskThatWaitsForItsNextAttemptLetsOthersGoBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Lease: time.Minute, Attempts: 2, Backoff: time.Hour, Concurrency: 1}))
		f.begin("outside")
		next := f.begin("outside")
		f.claim()
		began := time.Now()
		if c := f.claim(); c.Task.ID != next || time.Since(began) != time.Minute {
			t.Errorf("claimed %s after %s", c.Task.ID, time.Since(began))
		}
	})
}

func TestATaskThatWaitsForItsNextAttemptIsCancelledAtShutdown(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Lease: time.Second, Attempts: 2, Backoff: time.Hour}))
		id := f.begin("outside")
		f.claim()
		pass(time.Second)
		f.wantStatus(id, task.Pending)
		f.stop(time.Minute)
		f.wantStatus(id, task.Cancelled)
		f.wantLawful()
	})
}

func TestThePoolRunsTasksWhileOthersWaitForWorkersOutside(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.QueueSize = 1, 1
		f.start(outsideType(task.Policy{}), work(untilCancelled))
		f.begin("outside")
		f.wantStatus(f.run(), task.Running)
		f.wantStatus(f.run(), task.Pending)
		f.wantFull("work")
	})
}

func TestWorkersOutsideTakeNoWorkerOfThePool(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.QueueSize = 1, 2
		f.start(outsideType(task.Policy{Lease: time.Hour}), work(untilCancelled))
		for range 3 {
			f.begin("outside")
			f.claim()
		}
		f.wantStatus(f.run(), task.Running)
		for range 2 {
			f.begin("outside")
			f.run()
		}
		f.wantFull("outside")
		f.wantFull("work")
		f.claim()
		f.begin("outside")
		if got := fmt.Sprint(f.Counts()); got != "5 4" {
			t.Errorf("run and wait: %s", got)
		}
	})
}

func TestATypeWithoutWorkersTakesNoPlacesOfOtherTypes(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.QueueSize = 2, 3
		second, other := outsideType(task.Policy{}), task.Type{Name: "other", Handler: handler(untilCancelled)}
		second.Name = "second"
		f.start(outsideType(task.Policy{}), second, work(untilCancelled), other)
		for typ, taken := range map[string]int{"outside": 3, "second": 3} {
			for range taken {
				f.begin(typ)
			}
			f.wantFull(typ)
		}
		for range 2 + 3 { // those that run and those that wait
			f.run()
		}
		f.wantFull("work")
		for range 3 {
			f.begin("other")
		}
		f.wantFull("other")
		f.wantFull("work")
	})
}

func TestTheParamsOfOneTypeDoNotUseUpTheRoomOfAll(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.QueueSize = 1000
		second := outsideType(task.Policy{})
		second.Name = "second"
		f.start(outsideType(task.Policy{}), second)
		large := json.RawMessage(`"` + strings.Repeat("x", 1<<20-2) + `"`)
		fill := func(typ string) (taken int) {
			for {
				_, err := f.Start(t.Context(), task.Request{Type: typ, Params: large})
				if errors.Is(err, task.ErrQueueFull) {
					return taken
				}
				if err != nil {
					t.Fatal(err)
				}
				taken++
			}
		}
		if n := fill("outside"); n != 128+64 { // MiB: half of all, and half of the other half
			t.Errorf("of one type %d MiB may wait", n)
		}
		if n := fill("second"); n != 64 {
			t.Errorf("of the other %d MiB may wait", n)
		}
		f.claim() // makes room
		if n := fill("outside"); n != 1 {
			t.Errorf("after one was taken %d MiB may wait", n)
		}
	})
}
