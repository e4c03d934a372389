package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"heliograph/domain/task"
)

func TestAnEventsSizeIsBounded(t *testing.T) { // E8
	const limit = 2048
	for name, c := range map[string]struct {
		run   handler
		check func(t *testing.T, events []sent, record task.Task)
	}{
		"a large result goes by reference": {
			give(`"` + strings.Repeat("x", limit) + `"`),
			func(t *testing.T, events []sent, record task.Task) {
				if last := events[1]; !last.Truncated || string(last.Data) != `null` || len(record.Result) != limit+2 {
					t.Errorf("the event is %+v, the record has %d bytes", last, len(record.Result))
				}
			},
		},
		"one that is large as it is written to a gateway does so too": {
			give(`"` + strings.Repeat(`\"`, limit/3) + `"`),
			func(t *testing.T, events []sent, record task.Task) {
				if last := events[1]; !last.Truncated || len(record.Result) != limit/3*2+2 {
					t.Errorf("the event is %+v, the record has %d bytes", last, len(record.Result))
				}
			},
		},
		"a result of HTML is as long as it is": {
			give(`"` + strings.Repeat(`<&>`, limit/5) + `"`),
			func(t *testing.T, events []sent, _ task.Task) {
				if last := events[1]; last.Truncated || !strings.Contains(string(last.Data), "<&>") {
					t.Errorf("the event is %+v", last)
				}
			},
		},
		"a small one does not": {
			give(`"x"`),
			func(t *testing.T, events []sent, _ task.Task) {
				if last := events[1]; last.Truncated || string(last.Data) != `"x"` {
					t.Errorf("the event is %+v", last)
				}
			},
		},
		"a long error is cut": {
			fail(errors.New(strings.Repeat("€<", 1<<20))),
			func(t *testing.T, _ []sent, record task.Task) {
				if !strings.HasSuffix(record.Error, "…") || !utf8.ValidString(record.Error) {
					t.Errorf("the error is %q", record.Error)
				}
			},
		},
		"a long text is cut": {
			func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
				r.Text(strings.Repeat("\x00", 1<<20))
				return nil, nil
			},
			func(t *testing.T, events []sent, record task.Task) {
				if len(events) != 3 || !strings.HasSuffix(record.Progress.Text, "…") {
					t.Errorf("the text is %q", record.Progress.Text)
				}
			},
		},
		"bytes that are no text are cut": {
			func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
				r.Text(strings.Repeat("\x80", 1<<20))
				return nil, nil
			},
			func(t *testing.T, _ []sent, record task.Task) {
				if len(record.Progress.Text) > limit {
					t.Errorf("the text has %d bytes", len(record.Progress.Text))
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.cfg.MaxEventBytes, f.cfg.MaxWritten = limit, limit+limit/4
				f.start(work(c.run))
				id := f.run()
				synctest.Wait()
				record, _ := f.Get(t.Context(), id)
				events := f.wire.of(id)
				for _, e := range events {
					if e.size > limit {
						t.Errorf("%s has %d bytes", e.Type, e.size)
					}
				}
				c.check(t, events, record)
			})
		})
	}
}

// smallStore holds no result of more than limit bytes.
type smallStore struct {
	task.Store
	limit int
}

func (s *smallStore) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if len(t.Result) > s.limit {
		return task.Task{}, task.ErrTooLarge
	}
	return s.Store.Update(ctx, t)
}

func TestAResultThatTheStoreCannotHoldMakesTheTaskFail(t *testing.T) { // T6, T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store = &smallStore{Store: f.store, limit: 10}
		f.start(work(give(`"0123456789"`)), outsideType(task.Policy{}))
		outside := f.begin("outside")
		claim := f.claim()
		if err := f.Complete(t.Context(), outside, claim.Lease, json.RawMessage(`"0123456789"`)); !errors.Is(err, task.ErrTooLarge) {
			t.Errorf("Complete: %v, want ErrTooLarge", err)
		}
		for _, id := range []task.ID{f.run(), outside} {
			if got := f.wantStatus(id, task.Failed); got.ErrorCode != task.CodeResultTooLarge || !strings.Contains(got.Error, "the result has 12 bytes") {
				t.Errorf("the error is %q", got.Error)
			}
		}
		f.wantEvents("task-2", task.EventStarted, task.EventFailed)
		f.wantEvents(outside, task.EventQueued, task.EventStarted, task.EventFailed)
	})
}
