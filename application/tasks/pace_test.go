package tasks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// flood reports every millisecond for a while.
func flood(d time.Duration) handler {
	return func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
		for end := time.Now().Add(d); time.Now().Before(end); {
			r.Report("x", 0.5)
			<-time.After(time.Millisecond)
		}
		r.Report("last", 1)
		return nil, nil
	}
}

func TestProgressGoesOutAtTheConfiguredRate(t *testing.T) { // E10, T3, T4
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.ProgressRate = 20
		f.start(work(flood(10*time.Second + 10*time.Millisecond)))
		id := f.run()
		pass(10*time.Second + 10*time.Millisecond)
		f.wantStatus(id, task.Completed) // what was held back did not hold up the end
		events := f.wire.of(id)
		first, held, last := events[1], events[len(events)-2], events[len(events)-1]
		if n := len(events) - 2; n > 11*20+2 || n < 10*20 {
			t.Errorf("%d progress events in ten seconds", n)
		}
		if first.Timestamp != events[0].Timestamp {
			t.Errorf("the first progress was held back until %s", first.Timestamp)
		}
		if string(held.Data) != `{"text":"last","value":1}` || held.Seq+1 != last.Seq {
			t.Errorf("what was held back is %s with seq %d, before seq %d", held.Data, held.Seq, last.Seq)
		}
	})
}

func TestAFewQuickStepsAllGoOut(t *testing.T) { // T4: only back-pressure conflates (E10)
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.ProgressRate = 20
		f.start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			for step := range 20 {
				r.Report("x", float64(step)/20)
				<-time.After(time.Millisecond)
			}
			return nil, nil
		}))
		id := f.run()
		pass(time.Second)
		if events := f.wire.of(id); len(events) != 1+20+1 {
			t.Errorf("%d events", len(events))
		}
	})
}

func TestATaskThatFloodsDelaysNoOther(t *testing.T) { // E10
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.ProgressRate = 20
		now := make(chan time.Time, 1)
		calm := task.Type{Name: "calm", Handler: handler(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Second + 7*time.Microsecond)
			r.Value(0.5)
			now <- time.Now()
			<-time.After(time.Second)
			return nil, nil
		})}
		f.start(work(flood(3*time.Second)), calm)
		for range 3 {
			f.run()
		}
		id := f.begin("calm")
		pass(1500 * time.Millisecond)
		events := f.wantEvents(id, task.EventStarted, task.EventProgress)
		if at := <-now; events[1].Timestamp != at.UTC().Format(time.RFC3339Nano) {
			t.Errorf("it reported at %s, the event is of %s", at, events[1].Timestamp)
		}
		pass(time.Minute)
	})
}

func TestARenewedLeaseIsNoEventAndNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Lease: time.Minute}))
		id := f.begin("outside")
		c := f.claim()
		for range 3 {
			pass(50 * time.Second)
			f.report(c, task.Update{}, false, nil)
			if got := f.wantStatus(id, task.Running); got.Revision != c.Task.Revision {
				t.Errorf("the record is %+v", got)
			}
		}
		f.wantEvents(id, task.EventQueued, task.EventStarted)
	})
}

func TestResultsThatAreLargeAreLeftOutOfLists(t *testing.T) { // E8
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxEventBytes = 1024
		f.start(outsideType(task.Policy{}))
		for _, size := range []int{2000, 10} {
			f.begin("outside")
			c := f.claim()
			if err := f.Complete(t.Context(), c.Task.ID, c.Lease, fmt.Appendf(nil, `"%*d"`, size, 1)); err != nil {
				t.Error(err)
			}
		}
		page, _, err := f.List(t.Context(), task.Query{})
		if err != nil || page[0].Truncated || page[0].Result == nil || !page[1].Truncated || page[1].Result != nil {
			t.Errorf("the list is %+v, %v", page, err)
		}
		if got := f.wantStatus(page[1].ID, task.Completed); got.Truncated || len(got.Result) != 2002 {
			t.Errorf("the record has %d bytes", len(got.Result))
		}
	})
}
