package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

var errBroke = errors.New("it broke")

// failing is a type "work" whose nth attempt ends with the nth error.
func failing(policy task.Policy, errs ...error) task.Type {
	attempt := 0
	typ := work(func(_ context.Context, report task.Reporter) (json.RawMessage, error) {
		report.Value(0.75)
		attempt++
		return json.RawMessage(`7`), errs[attempt-1]
	})
	typ.Policy = policy
	return typ
}

func TestAFailedTaskIsTriedAgainUntilItsAttemptsAreUsedUp(t *testing.T) { // T18, T3, T4, T11, T13
	synctest.Test(t, func(t *testing.T) {
		policy := task.Policy{Attempts: 3, RetryFailures: true, Backoff: 10 * time.Second, MaxBackoff: 15 * time.Second}
		f := newFixture(t).start(failing(policy, errBroke, fmt.Errorf("%w again", errBroke), errors.New("for the third time")))
		id := f.run()
		waiting := f.wantStatus(id, task.Pending)
		next := time.Now().Add(policy.RetryDelay(id, 2))
		if waiting.Attempt != 2 || waiting.Error != "it broke" || !waiting.NotBefore.Equal(next) || waiting.Progress != (task.Progress{}) || !waiting.Ended.IsZero() || waiting.Seq != 3 {
			t.Errorf("while it waits the record is %+v", waiting)
		}
		at := next.UTC().Format(time.RFC3339Nano)
		const entry = `{"tasks":[{"task_id":"task-1","type":"work","created_at":"2000-01-01T00:00:00Z","status":"pending","cancel_requested":false,` +
			`"progress":{"text":"","value":0},"seq":3,"attempt":2,"labels":{},"next_at":%q}]}`
		if got, want := string(f.connect("a")[0].Data), fmt.Sprintf(entry, at); got != want {
			t.Errorf("the snapshot is %s, want %s", got, want)
		}
		if running, queued := f.Counts(); running != 0 || queued != 1 {
			t.Errorf("%d run and %d wait", running, queued)
		}
		pass(time.Until(next) - 1)
		f.wantStatus(id, task.Pending)
		pass(1)
		if got := f.wantStatus(id, task.Pending); got.Attempt != 3 || !got.NotBefore.Equal(time.Now().Add(15*time.Second)) {
			t.Errorf("after the second attempt the record is %+v", got)
		}
		pass(15 * time.Second)
		if got := f.wantStatus(id, task.Failed); got.Attempt != 3 || got.Error != "for the third time" || !got.NotBefore.IsZero() || got.Progress.Value != 0.75 {
			t.Errorf("in the end the record is %+v", got)
		}
		events := f.wantEvents(id, task.EventStarted, task.EventProgress, task.EventRetrying, task.EventStarted, task.EventProgress, task.EventRetrying,
			task.EventStarted, task.EventProgress, task.EventFailed)
		if got, want := string(events[2].Data), fmt.Sprintf(`{"error":"it broke","code":"TASK_FAILED","attempt":2,"next_at":%q}`, at); got != want || events[2].Attempt != 1 || events[2].Seq != 3 {
			t.Errorf("the event is %s of attempt %d, want %s", got, events[2].Attempt, want)
		}
		f.stop(time.Minute)
		f.wantLawful()
		if f.metrics.retried != 2 || f.metrics.ended[task.Failed] != 1 {
			t.Errorf("%d attempts and the ends %v were counted", f.metrics.retried, f.metrics.ended)
		}
	})
}

func TestATaskThatSucceedsWhenItIsTriedAgainIsCompleted(t *testing.T) { // T18
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(failing(task.Policy{Attempts: 9, RetryFailures: true}, errBroke, nil))
		id := f.run()
		pass(2 * time.Second)
		if got := f.wantStatus(id, task.Completed); got.Error != "" || string(got.Result) != "7" || got.Attempt != 2 {
			t.Errorf("the record is %+v", got)
		}
	})
}

func TestAPanicIsAFailureThatIsTriedAgain(t *testing.T) { // T18, T6
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		typ := work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			if attempts++; attempts == 1 {
				panic("no luck")
			}
			return nil, nil
		})
		typ.Policy = task.Policy{Attempts: 2, RetryFailures: true}
		f := newFixture(t).start(typ)
		id := f.run()
		if got := f.wantStatus(id, task.Pending); got.Error != "the task panicked: no luck" {
			t.Errorf("the error is %q", got.Error)
		}
		pass(2 * time.Second)
		f.wantStatus(id, task.Completed)
	})
}

func TestWhatTryingAgainWouldNotHelpIsNotTriedAgain(t *testing.T) { // T18
	for name, c := range map[string]struct {
		result string
		err    error
		want   string
	}{
		"the handler says so":           {err: fmt.Errorf("read: %w", task.Permanent(errBroke)), want: "read: it broke"},
		"params that are not taken":     {err: fmt.Errorf("%w: no such file", task.ErrInvalidParams), want: "invalid params: no such file"},
		"a result that is of no use":    {result: "{", want: "the task returned a result that is not JSON: unexpected end of JSON input"},
		"a result that is not in UTF-8": {result: "\"\xff\"", want: "the task returned a result that is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				typ := work(func(context.Context, task.Reporter) (json.RawMessage, error) { return json.RawMessage(c.result), c.err })
				typ.Policy = task.Policy{Attempts: 3, RetryFailures: true}
				f := newFixture(t).start(typ)
				id := f.run()
				if got := f.wantStatus(id, task.Failed); got.Error != c.want {
					t.Errorf("the error is %q", got.Error)
				}
				f.wantEvents(id, task.EventStarted, task.EventFailed)
			})
		})
	}
}

func TestATypeThatCountsLostWorkersOnlyDoesNotRetryFailures(t *testing.T) { // T18, T2
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(failing(task.Policy{Attempts: 3}, errBroke))
		f.wantStatus(f.run(), task.Failed)
	})
}

func TestTimeOutsAreTriedAgainOnlyIfTheTypeSaysSo(t *testing.T) { // T18, T8
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			typ := work(func(ctx context.Context, _ task.Reporter) (json.RawMessage, error) {
				if attempts++; attempts > 1 {
					return nil, nil
				}
				<-ctx.Done()
				<-time.After(3 * time.Second) // it takes a while to stop
				return nil, ctx.Err()
			})
			typ.Policy = task.Policy{Attempts: 2, RetryFailures: true, RetryTimeouts: again, Timeout: time.Minute, Backoff: 5 * time.Second}
			f := newFixture(t).start(typ)
			id := f.run()
			pass(time.Minute)
			if !again {
				f.wantStatus(id, task.Failed)
				return
			}
			if got := f.wantStatus(id, task.Pending); got.Error != "the task exceeded its time limit of 1m0s" {
				t.Errorf("the error is %q", got.Error)
			}
			pass(typ.Policy.RetryDelay(id, 2)) // the handler was back before that
			f.wantStatus(id, task.Completed)
			f.wantEvents(id, task.EventStarted, task.EventRetrying, task.EventStarted, task.EventCompleted)
		})
	}
}

func TestACancelledTaskIsNotTriedAgain(t *testing.T) { // T18, T7
	synctest.Test(t, func(t *testing.T) {
		stubborn := work(func(ctx context.Context, _ task.Reporter) (json.RawMessage, error) {
			<-ctx.Done()
			return nil, errBroke
		})
		stubborn.Policy = task.Policy{Attempts: 3, RetryFailures: true, RetryTimeouts: true}
		deaf := task.Type{Name: "deaf", Policy: stubborn.Policy, Handler: handler(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Minute)
			return nil, errBroke
		})}
		f := newFixture(t).start(stubborn, deaf)
		running, ignoring := f.run(), f.begin("deaf")
		synctest.Wait()
		f.cancel(running)
		f.cancel(ignoring)
		f.wantStatus(running, task.Cancelled)
		pass(30 * time.Second)
		f.wantStatus(ignoring, task.Failed) // as abandoned
		f.wantEvents(running, task.EventStarted, task.EventCancelRequested, task.EventCancelled)
		f.wantEvents(ignoring, task.EventStarted, task.EventCancelRequested, task.EventFailed)
		pass(time.Minute)
	})
}

func TestATaskThatWaitsToBeTriedAgainCanBeCancelled(t *testing.T) { // T18, T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(failing(task.Policy{Attempts: 2, RetryFailures: true, Backoff: time.Minute}, errBroke))
		id := f.run()
		pass(time.Second)
		if got := f.cancel(id); got.Status != task.Cancelled || got.Error != "" || got.Attempt != 2 {
			t.Errorf("the record is %+v", got)
		}
		pass(2 * time.Minute)
		f.wantEvents(id, task.EventStarted, task.EventProgress, task.EventRetrying, task.EventCancelled)
		if _, queued := f.Counts(); queued != 0 {
			t.Errorf("%d wait", queued)
		}
	})
}

func TestFailuresAndLostWorkersCountInTheSameAttempts(t *testing.T) { // T18, T2
	synctest.Test(t, func(t *testing.T) {
		policy := task.Policy{Attempts: 3, RetryFailures: true, Lease: time.Minute}
		f := newFixture(t).start(outsideType(policy))
		id := f.begin("outside")
		first := f.claim()
		if err := f.fails(first); err != nil {
			t.Error(err)
		}
		f.wantStatus(id, task.Pending)
		if err := f.fails(first); err != nil { // the answer was lost
			t.Errorf("when it says so again: %v", err)
		}
		if err := f.completes(first); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("when it says otherwise: %v", err)
		}
		second := f.claim()
		f.wantLate(first)
		pass(time.Minute) // which vanishes
		third := f.claim()
		f.wantLate(second)
		if err := f.fails(third); err != nil {
			t.Error(err)
		}
		if got := f.wantStatus(id, task.Failed); got.Attempt != 3 || got.Error != "it broke" {
			t.Errorf("the record is %+v", got)
		}
		events := f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventRetrying, task.EventStarted, task.EventRetrying, task.EventStarted, task.EventFailed)
		var lost task.Retrying
		if err := json.Unmarshal(events[4].Data, &lost); err != nil || lost.Error != "worker_lost: it did not report for 1m0s" || lost.Attempt != 3 {
			t.Errorf("what is said of the lost one is %s, %v", events[4].Data, err)
		}
	})
}

func TestAWorkerSaysThatTryingAgainIsUseless(t *testing.T) { // T18
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Attempts: 3, RetryFailures: true}))
		id := f.begin("outside")
		c := f.claim()
		for range 2 {
			if err := f.Fail(t.Context(), id, c.Lease, task.Failure{Error: "no such file", Final: true}); err != nil {
				t.Error(err)
			}
		}
		if got := f.wantStatus(id, task.Failed); got.Error != "no such file" || got.Attempt != 1 {
			t.Errorf("the record is %+v", got)
		}
	})
}

func TestWhatFailsDuringAShutdownIsTriedAgainOnlyIfItsStoreOutlivesThat(t *testing.T) { // T18, T15
	for _, durable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			policy := task.Policy{Attempts: 2, RetryFailures: true}
			slow := work(func(context.Context, task.Reporter) (json.RawMessage, error) {
				<-time.After(5 * time.Second)
				return nil, errBroke
			})
			slow.Policy = policy
			f := newFixture(t)
			f.link.durable = durable
			f.start(slow)
			id := f.run()
			synctest.Wait()
			f.stop(time.Minute)
			if !durable {
				f.wantStatus(id, task.Failed)
				return
			}
			f.wantStatus(id, task.Pending)
			next := f.restarted()
			next.start(work(succeed))
			pass(2 * time.Second)
			next.wantStatus(id, task.Completed)
			next.wantEvents(id, task.EventStarted, task.EventRetrying, task.EventStarted, task.EventCompleted)
		})
	}
}

// Nothing but the record says that the task is to be tried again.
func TestATaskIsTriedAgainAfterACrashBeforeItsEventWentOut(t *testing.T) { // T18, T12
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		fails := failing(task.Policy{Attempts: 2, RetryFailures: true, Backoff: time.Minute}, errBroke)
		f.start(fails)
		f.wire.breaks(event.ErrUnavailable)
		id := f.run()
		f.wantStatus(id, task.Pending)
		f.link.cut.Store(true)
		f.stop(time.Minute)
		f.wire.breaks(nil)
		next := f.restarted()
		fails.Handler = handler(succeed)
		next.start(fails)
		next.wantStatus(id, task.Pending)
		pass(2 * time.Minute)
		if got := next.wantStatus(id, task.Completed); got.Attempt != 2 {
			t.Errorf("the record is %+v", got)
		}
		next.wantEvents(id, task.EventStarted, task.EventCompleted)
	})
}

func TestAnotherNodeTriesATaskAgain(t *testing.T) { // T18
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		policy := task.Policy{Attempts: 2, RetryFailures: true, Backoff: time.Minute}
		one.start(failing(policy, errBroke))
		two.start(failing(policy, nil))
		id := one.run()
		one.wantStatus(id, task.Pending)
		one.cut()
		pass(policy.RetryDelay(id, 2) - 1)
		two.wantStatus(id, task.Pending)
		pass(time.Second)
		two.wantStatus(id, task.Completed)
		two.wantEvents(id, task.EventStarted, task.EventProgress, task.EventRetrying, task.EventStarted, task.EventProgress, task.EventCompleted)
	})
}

// The store takes the end of an attempt, but its answer is lost, and another node has
// begun the next attempt for a worker that was gone, and undone that, before it is asked
// again.
func TestALateRetryIsNotPublished(t *testing.T) { // T18, T3
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		policy := task.Policy{Attempts: 3, RetryFailures: true, Backoff: time.Millisecond}
		answers := false
		one.store = &faultyStore{Store: one.store, taken: true, afterUpdate: func(after task.Task) error {
			if after.Status == task.Pending && after.Attempt == 2 && !answers {
				answers = true
				return errDown
			}
			return nil
		}}
		ctx, leave := context.WithCancel(t.Context())
		two.store = &faultyStore{Store: two.store, afterUpdate: func(task.Task) error { leave(); return nil }}
		one.start(outsideType(policy))
		two.start(outsideType(policy))
		id := one.begin("outside")
		c := one.claim()
		if err := one.fails(c); !errors.Is(err, task.ErrUnavailable) {
			t.Errorf("while the store does not answer: %v", err)
		}
		if _, err := two.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Errorf("a worker that is gone has claimed: %v", err)
		}
		pass(time.Second) // one has asked the store again
		third := two.claim()
		if err := two.completes(third); err != nil || third.Task.Attempt != 2 {
			t.Errorf("attempt %d: %v", third.Task.Attempt, err)
		}
		for _, e := range two.wire.of(id) {
			var said task.Retrying
			if err := json.Unmarshal(e.Data, &said); err == nil && e.Type == task.EventRetrying && said.NextAt.IsZero() {
				t.Errorf("%s is of a record that has moved on", e.Data)
			}
		}
	})
}
