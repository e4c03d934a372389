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

// startLabelled starts a task of the type "work".
func (f *fixture) startLabelled(labels task.Labels) task.ID {
	f.t.Helper()
	t, err := f.Start(f.t.Context(), task.Request{Type: "work", Labels: labels})
	if err != nil {
		f.t.Fatalf("start with %d labels: %v", len(labels), err)
	}
	return t.ID
}

func TestTheEventOfABeginningAndTheSnapshotHaveTheLabels(t *testing.T) { // T16, T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(untilCancelled))
		labelled, plain, empty := f.startLabelled(task.Labels{"page": "exports", "a": ""}), f.run(), f.startLabelled(task.Labels{})
		synctest.Wait()
		for id, want := range map[task.ID]string{labelled: `{"labels":{"a":"","page":"exports"}}`, plain: `null`, empty: `null`} {
			if got := f.wantEvents(id, task.EventStarted)[0]; string(got.Data) != want {
				t.Errorf("the event of %s has %s, want %s", id, got.Data, want)
			}
		}
		snapshot := string(f.connect("a")[0].Data)
		if !strings.Contains(snapshot, `"labels":{"a":"","page":"exports"}}`) || strings.Count(snapshot, `"labels":{}}`) != 2 {
			t.Errorf("the snapshot is %s", snapshot)
		}
		f.cancel(labelled)
		f.wantStatus(labelled, task.Cancelled)
		if last := f.wantEvents(labelled, task.EventStarted, task.EventCancelRequested, task.EventCancelled)[2]; string(last.Data) != `null` {
			t.Errorf("the last event has %s", last.Data)
		}
	})
}

func TestEveryAttemptHasTheLabels(t *testing.T) { // T16
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Lease: time.Second, Attempts: 2}))
		started, err := f.Start(t.Context(), task.Request{Type: "outside", Labels: task.Labels{"page": "exports"}})
		if err != nil {
			t.Fatal(err)
		}
		f.claim()
		pass(time.Minute) // the lease is lost
		second := f.claim()
		if second.Task.Attempt != 2 || second.Task.Labels["page"] != "exports" {
			t.Errorf("the second attempt is %+v", second.Task)
		}
		for _, e := range f.wantEvents(started.ID, task.EventQueued, task.EventStarted, task.EventRetrying, task.EventStarted)[1:] {
			if e.Type == task.EventStarted && string(e.Data) != `{"labels":{"page":"exports"}}` {
				t.Errorf("the event of attempt %d has %s", e.Attempt, e.Data)
			}
		}
		if err := f.completes(second); err != nil {
			t.Error(err)
		}
	})
}

// worst are labels of which n bytes of each value become six in JSON.
func worst(labels, n int) task.Labels {
	all := make(task.Labels)
	for i := range labels {
		all[fmt.Sprintf("%02d", i)+strings.Repeat("k", 61)] = strings.Repeat("\u2028", n)
	}
	return all
}

func TestLabelsKeepEventsAndSnapshotsBelowTheirLimit(t *testing.T) { // T16, E8
	for limit, most := range map[int]int{1 << 10: 0, 8 << 10: 300, 32 << 10: 16 * 256, 64 << 10: 16 * 256} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.cfg.MaxEventBytes = limit
				f.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
					r.Text(strings.Repeat("\x00", 1<<20))
					return untilCancelled(ctx, r)
				}))
				taken := 0 // characters in all values together
				for labels := 16; labels > 0; labels-- {
					for n := 256; n > 0 && labels*n > taken; n -= 16 {
						started, err := f.Start(t.Context(), task.Request{Type: "work", Labels: worst(labels, n)})
						if err == nil {
							taken = labels * n
							synctest.Wait()
							f.cancelAfterSnapshot(started.ID, limit)
						} else if !errors.Is(err, task.ErrInvalidLabels) || !strings.Contains(err.Error(), "bytes as JSON") {
							t.Fatalf("%d labels of %d: %v", labels, n, err)
						}
					}
				}
				if taken < most/2 || taken > most {
					t.Errorf("labels of %d characters are taken, want about %d", taken, most)
				}
			})
		})
	}
}

// cancelAfterSnapshot checks the sizes of what is sent about a running task, and ends it.
func (f *fixture) cancelAfterSnapshot(id task.ID, limit int) {
	f.t.Helper()
	for _, part := range f.connect("a") {
		if len(part.Data) > limit {
			f.t.Errorf("a snapshot has %d bytes, the limit is %d", len(part.Data), limit)
		}
	}
	f.cancel(id)
	f.wantStatus(id, task.Cancelled)
	for _, e := range f.wire.of(id) {
		if e.size > limit {
			f.t.Errorf("%s has %d bytes, the limit is %d", e.Type, e.size, limit)
		}
	}
}

func TestLabelsCountAsBytesThatWait(t *testing.T) { // T16, T1
	labelled := task.Task{Params: json.RawMessage(`{}`), Labels: task.Labels{"page": "é"}, Result: json.RawMessage(`1`)}
	if labelled.InputSize() != 8 || labelled.Size() != 9 {
		t.Errorf("%d and %d bytes are counted", labelled.InputSize(), labelled.Size())
	}
}

func TestAPageIsFullHoweverManyOthersAreBetween(t *testing.T) { // T16
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.build(work(succeed))
		for n := range 30_001 {
			one := task.Task{ID: task.ID(fmt.Sprintf("%05d", n)), Type: "work", Status: task.Cancelled, Created: time.Now().Add(time.Duration(n))}
			if n%10_000 == 0 {
				one.Labels = task.Labels{"rare": "yes"}
			}
			if _, err := f.store.Create(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
		rare := task.Query{Labels: []task.Label{{Key: "rare", Value: "yes"}}, Limit: 3}
		page, next, err := f.List(t.Context(), rare)
		if err != nil || len(page) != 3 || page[2].ID != "10000" {
			t.Fatalf("the first page has %d tasks, %v", len(page), err)
		}
		rare.Cursor = next
		if page, next, err = f.List(t.Context(), rare); err != nil || len(page) != 1 || page[0].ID != "00000" || next != "" {
			t.Errorf("the second page has %d tasks, next %q, %v", len(page), next, err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, _, err := f.List(ended, task.Query{Limit: 1, Type: "none"}); !errors.Is(err, context.Canceled) {
			t.Errorf("when the caller has gone the search ends with %v", err)
		}
		f.stop(time.Minute)
	})
}
