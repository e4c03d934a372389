package taskstorecontract

import (
	"encoding/json"
	"testing"
	"time"

	"heliograph/domain/task"
)

// keepAll keeps every task for longer than a test takes.
var keepAll = task.Retention{Age: 24 * time.Hour}

func expiredNothing(_ *testing.T, f fixture) {
	f.wantExpired(task.Retention{Age: time.Nanosecond, Count: 1, Bytes: 1})
	f.threeOf()
	f.wantExpired(keepAll)
	f.wantExpired(task.Retention{Age: 24 * time.Hour, Count: 1, Bytes: 1000})
}

// expiredByAge has tasks of nodes whose clocks are years off: only the store's own
// counts.
func expiredByAge(_ *testing.T, f fixture) {
	tasks := f.createMany(3)
	f.update(tasks[1], finish(-1_000_000_000))
	f.update(tasks[0], finish(1_000_000_000))
	f.wantExpired(keepAll)
	f.wantExpired(task.Retention{Age: time.Nanosecond}, 2, 1)
}

func expiredByType(_ *testing.T, f fixture) {
	other := pending(2)
	other.Type = "other"
	for _, t := range f.create(pending(1), other, pending(3)) {
		f.update(t, finish(1))
	}
	f.wantExpired(task.Retention{Age: 24 * time.Hour, AgeOf: map[string]time.Duration{"other": time.Nanosecond}}, 2)
	f.wantExpired(task.Retention{Age: time.Nanosecond, AgeOf: map[string]time.Duration{"other": 24 * time.Hour}}, 1, 3)
}

func expiredByCount(_ *testing.T, f fixture) {
	tasks := f.createMany(5)
	for _, n := range []int{3, 1, 4, 2} {
		f.update(tasks[n-1], finish(0))
	}
	f.wantExpired(task.Retention{Age: 24 * time.Hour, Count: 4})
	f.wantExpired(task.Retention{Age: 24 * time.Hour, Count: 2}, 3, 1)
}

func expiredByBytes(_ *testing.T, f fixture) {
	large := pending(1)
	large.Params = json.RawMessage(`[1,2,3,4]`)
	ended := f.update(f.createOne(large), finish(0))
	size := ended.Size()
	for _, t := range f.create(pending(2), pending(3)) {
		f.update(t, func(t *task.Task) { finish(0)(t); t.Result = large.Params })
	}
	f.wantExpired(task.Retention{Age: 24 * time.Hour, Bytes: 3 * size})
	f.wantExpired(task.Retention{Age: 24 * time.Hour, Bytes: 3*size - 1}, 1)
	f.wantExpired(task.Retention{Age: 24 * time.Hour, Bytes: 1}, 1, 2) // the newest stays
}

func expiredUntilDeleted(_ *testing.T, f fixture) {
	tasks := f.createMany(2)
	first := f.update(tasks[0], func(t *task.Task) { finish(0)(t); t.FinalEventPending = true })
	f.update(tasks[1], finish(0))
	f.wantExpired(task.Retention{Age: time.Nanosecond}, 1, 2)
	first = f.update(first, func(t *task.Task) { t.FinalEventPending = false })
	f.wantExpired(task.Retention{Age: time.Nanosecond}, 1, 2)
	f.remove(first)
	f.wantExpired(task.Retention{Age: time.Nanosecond}, 2)
	f.wantExpired(task.Retention{Age: 24 * time.Hour, Count: 1})
}

// age has a task of a node whose clock is years off: only the store's own counts.
func age(t *testing.T, f fixture) {
	before := time.Now()
	stored := f.createOne(pending(1))
	f.wantList(task.Query{}, 1) // what was written is known of
	changed := f.update(stored, finish(1_000_000_000))
	f.wantList(task.Query{}, 1)
	if got := f.store.Age(changed); got < 0 || got > time.Since(before)+time.Second {
		t.Errorf("the age is %s", got)
	}
	for got := time.Duration(0); got <= 0; got = f.store.Age(changed) { // it grows by itself
		if time.Since(before) > waitLimit {
			t.Fatal("the task does not age")
		}
	}
	if got := f.store.Age(stored); got != 0 {
		t.Errorf("the age of what is stored no more is %s", got)
	}
	if got := f.store.Age(pending(2)); got != 0 {
		t.Errorf("the age of an unknown task is %s", got)
	}
}

// wantExpired checks that r does not keep exactly the tasks of these numbers, in
// order.
func (f fixture) wantExpired(r task.Retention, numbers ...int) {
	f.t.Helper()
	expired, err := f.store.Expired(f.t.Context(), r)
	if err != nil {
		f.t.Fatalf("expired by %+v: %v", r, err)
	}
	f.wantNumbers(expired, numbers...)
	for _, t := range expired {
		f.want(t)
	}
}
