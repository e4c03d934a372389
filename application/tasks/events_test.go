package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/task"
)

func TestATaskPublishesWhatHappens(t *testing.T) { // T3, T5, T10 (the outbox cannot close anything), T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(func(_ context.Context, report task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Second)
			report.Report("half", 0.5)
			<-time.After(time.Second)
			return json.RawMessage(` {"n": 1} `), nil
		}))
		id := f.run()
		pass(3 * time.Second)
		got := f.wantEvents(id, task.EventStarted, task.EventProgress, task.EventCompleted)
		want := []sent{
			{Type: task.EventStarted, Seq: 1, Timestamp: "2000-01-01T00:00:00Z", Data: json.RawMessage(`null`)},
			{Type: task.EventProgress, Seq: 2, Timestamp: "2000-01-01T00:00:01Z", Data: json.RawMessage(`{"text":"half","value":0.5}`), key: "progress/task-1"},
			{Type: task.EventCompleted, Seq: 3, Timestamp: "2000-01-01T00:00:02Z", Data: json.RawMessage(`{"n":1}`)},
		}
		for i := range want {
			want[i].TaskID, want[i].Attempt, want[i].size, want[i].record = id, 1, got[i].size, got[i].record
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(sent{})); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		record := f.wantStatus(id, task.Completed)
		if string(record.Result) != `{"n":1}` || record.Seq != 3 || record.Progress.Value != 0.5 || record.Ended.Location() != time.UTC {
			t.Errorf("the record is %+v", record)
		}
		f.stop(time.Second)
		f.wantLawful()
		if f.metrics.ended[task.Completed] != 1 || f.metrics.ran != 2*time.Second {
			t.Errorf("metrics: %v, %s", f.metrics.ended, f.metrics.ran)
		}
	})
}

func TestTheOutcomeOfATaskIsWhatItsHandlerReturned(t *testing.T) { // T5, T6
	for name, c := range map[string]struct {
		run  handler
		typ  task.EventType
		data string
	}{
		"null when it returns no result":  {succeed, task.EventCompleted, `null`},
		"its error's text":                {fail(errors.New("no disk")), task.EventFailed, `{"error":"no disk","code":"TASK_FAILED"}`},
		"with a code of its own":          {fail(fmt.Errorf("copy: %w", task.WithCode(errors.New("no disk"), "NO_DISK"))), task.EventFailed, `{"error":"copy: no disk","code":"NO_DISK"}`},
		"with a code that is none":        {fail(task.WithCode(errors.New("no disk"), "no disk!")), task.EventFailed, `{"error":"no disk","code":"TASK_FAILED"}`},
		"something for an empty error":    {fail(errors.New("")), task.EventFailed, `{"error":"the task failed and did not say why","code":"TASK_FAILED"}`},
		"cancelled when it says so":       {fail(fmt.Errorf("by itself: %w", task.ErrCancelled)), task.EventCancelled, `null`},
		"failed when it is no JSON":       {give(`{`), task.EventFailed, `{"error":"the task returned a result that is not JSON: unexpected end of JSON input","code":"INVALID_RESULT"}`},
		"failed when it is not UTF-8":     {give("\"caf\xe9\""), task.EventFailed, `{"error":"the task returned a result that is not UTF-8","code":"INVALID_RESULT"}`},
		"its error's text, made UTF-8":    {fail(errors.New("caf\xe9")), task.EventFailed, `{"error":"caf\ufffd","code":"TASK_FAILED"}`},
		"T6 the panic without its stack":  {panicWith("boom\ngoroutine 1 [running]"), task.EventFailed, `{"error":"the task panicked: boom","code":"PANIC"}`},
		"T6 a panic of the runtime's":     {panicWith(nil), task.EventFailed, `{"error":"the task panicked: panic called with nil argument","code":"PANIC"}`},
		"T6 a panic in the error's text":  {fail((*badError)(nil)), task.EventFailed, `{"error":"the task panicked: runtime error: invalid memory address or nil pointer dereference","code":"PANIC"}`},
		"T6 failed when it never returns": {goexit, task.EventFailed, `{"error":"the task ended its goroutine instead of returning","code":"PANIC"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.cfg.MaxWorkers = 1
				f.start(work(c.run))
				for range 2 { // the pool goes on (T6)
					events := f.wantEvents(f.run(), task.EventStarted, c.typ)
					if got := string(events[1].Data); got != c.data {
						t.Errorf("data is %s, want %s", got, c.data)
					}
				}
				if strings.HasPrefix(name, "T6") && strings.Contains(name, "panic") && !f.logs.Has("task_id=task-1", "stack=", "panic") {
					t.Error("the stack is not in the log")
				}
			})
		})
	}
}

func fail(err error) handler {
	return func(context.Context, task.Reporter) (json.RawMessage, error) { return nil, err }
}

func give(result string) handler {
	return func(context.Context, task.Reporter) (json.RawMessage, error) { return json.RawMessage(result), nil }
}

func panicWith(value any) handler {
	return func(context.Context, task.Reporter) (json.RawMessage, error) { panic(value) }
}

func goexit(context.Context, task.Reporter) (json.RawMessage, error) {
	runtime.Goexit() // as t.FailNow does
	return nil, nil
}

type badError struct{ text string }

func (e *badError) Error() string { return e.text }

func TestProgressIsKeptClampedAndNeverGoesBack(t *testing.T) { // T4
	synctest.Test(t, func(t *testing.T) {
		steps := []struct {
			report func(task.Reporter)
			want   string
		}{
			{func(r task.Reporter) { r.Text("a") }, `{"text":"a","value":0}`},
			{func(r task.Reporter) { r.Value(0.5) }, `{"text":"a","value":0.5}`},
			{func(r task.Reporter) { r.Text("b") }, `{"text":"b","value":0.5}`},
			{func(r task.Reporter) { r.Value(0.2) }, `{"text":"b","value":0.5}`},
			{func(r task.Reporter) { r.Report("c", -1) }, `{"text":"c","value":0.5}`},
			{func(r task.Reporter) { r.Report("d", math.NaN()) }, `{"text":"d","value":0.5}`},
			{func(r task.Reporter) { r.Value(math.NaN()) }, ``},
			{func(r task.Reporter) { r.Value(math.Inf(1)) }, `{"text":"d","value":1}`},
			{func(r task.Reporter) { r.Value(math.Inf(-1)) }, `{"text":"d","value":1}`},
			{func(r task.Reporter) { r.Report("", 7) }, `{"text":"","value":1}`},
		}
		f := newFixture(t).start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			for _, step := range steps {
				step.report(r)
				<-time.After(time.Second)
			}
			return nil, nil
		}))
		id := f.run()
		pass(time.Minute)
		var want, got []string
		for _, step := range steps {
			if step.want != "" {
				want = append(want, step.want)
			}
		}
		events := f.wire.of(id)
		for i, e := range events[1 : len(events)-1] {
			got = append(got, string(e.Data))
			if e.Seq != uint64(i)+2 {
				t.Errorf("report %d has the seq %d", i, e.Seq)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
	})
}

func TestReportingIsNotSlowedAndTheNewestProgressWins(t *testing.T) { // E10, T3, T4
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.wire.slow = func() time.Duration { return time.Second }
		var took time.Duration
		f.start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			began := time.Now()
			for i := range 1000 {
				r.Report(fmt.Sprint(i), float64(i)/1000)
				<-time.After(time.Millisecond)
			}
			took = time.Since(began)
			return nil, nil
		}))
		id := f.run()
		pass(time.Minute)
		if took != time.Second {
			t.Errorf("1000 reports with a slow broker took %s", took)
		}
		events := f.wantEvents(id, task.EventStarted, task.EventProgress, task.EventProgress, task.EventCompleted)
		if got := string(events[2].Data); events[2].Seq != 1001 || got != `{"text":"999","value":0.999}` {
			t.Errorf("the progress before the end is %s with seq %d", got, events[2].Seq)
		}
		if events[3].Seq != 1002 {
			t.Errorf("the last seq is %d", events[3].Seq)
		}
	})
}

func TestReportsFromManyGoroutinesAreAllCounted(t *testing.T) { // T3
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					for i := range 100 {
						r.Value(float64(i) / 100)
					}
				})
			}
			all.Wait()
			return nil, nil
		}))
		if record := f.wantStatus(f.run(), task.Completed); record.Seq != 1002 || record.Progress.Value != 0.99 {
			t.Errorf("the record is %+v", record)
		}
	})
}

func TestReportsAfterTheEndDoNothing(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		var kept task.Reporter
		f := newFixture(t).start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			kept = r
			return nil, nil
		}))
		id := f.run()
		f.wantStatus(id, task.Completed)
		kept.Report("late", 1)
		kept.Text("late")
		kept.Value(1)
		f.wantEvents(id, task.EventStarted, task.EventCompleted)
	})
}

func TestABrokerThatFailsFailsNoTask(t *testing.T) { // T12
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.wire.breaks(errors.New("broker is down"))
		f.start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			r.Value(0.5)
			return nil, nil
		}))
		if record := f.wantStatus(f.run(), task.Completed); record.Seq != 3 || record.Progress.Value != 0.5 {
			t.Errorf("the record is %+v", record)
		}
		if !f.logs.Has("level=WARN", "task_id=task-1", "broker is down") {
			t.Error("nothing is in the log")
		}
	})
}
