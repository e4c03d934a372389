package tasklist_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ended is a task as a plain list of them holds it.
type ended struct {
	task task.Task
	at   time.Time
}

// expired says the same as Finished.Expired, by looking at all of them.
func expired(all []ended, r task.Retention, now time.Time) (ids []task.ID) {
	kept := slices.Clone(all)
	drop := map[task.ID]bool{}
	kept = slices.DeleteFunc(kept, func(e ended) bool {
		drop[e.task.ID] = now.Sub(e.at) >= r.AgeFor(e.task.Type)
		return drop[e.task.ID]
	})
	size := func() (bytes int) {
		for _, e := range kept {
			bytes += e.task.Size()
		}
		return bytes
	}
	for r.Count > 0 && len(kept) > r.Count || r.Bytes > 0 && len(kept) > 1 && size() > r.Bytes {
		drop[kept[0].task.ID] = true
		kept = kept[1:]
	}
	for _, e := range all {
		if drop[e.task.ID] {
			ids = append(ids, e.task.ID)
		}
	}
	return ids
}

func TestExpiredTasksAreThoseOfAPlainList(t *testing.T) { // T9
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		index := tasklist.NewFinished()
		var all []ended
		now := noon
		for n := range 60 {
			now = now.Add(time.Duration(random.IntN(10)) * time.Second)
			if len(all) > 0 && random.IntN(4) == 0 {
				i := random.IntN(len(all))
				index.Remove(all[i].task.ID)
				all = slices.Delete(all, i, i+1)
			}
			e := ended{task.Task{ID: task.ID(fmt.Sprint(n)), Type: fmt.Sprint("type-", random.IntN(3)), Result: make([]byte, random.IntN(100))}, now}
			index.Add(&e.task, now)
			index.Add(&e.task, now.Add(time.Hour)) // it keeps its place
			all = append(all, e)
			r := task.Retention{
				Age: time.Duration(random.IntN(300)) * time.Second, AgeOf: map[string]time.Duration{"type-1": time.Duration(random.IntN(300)) * time.Second},
				Count: random.IntN(40), Bytes: random.IntN(2000),
			}
			if got, want := index.Expired(r, now), expired(all, r, now); !slices.Equal(got, want) {
				t.Fatalf("seed %d, of %d tasks by %+v: %v, want %v", seed, len(all), r, got, want)
			}
		}
	}
}

// What the cleaner asks for must not cost more the more is kept.
func BenchmarkExpired(b *testing.B) {
	for _, kept := range []int{100, 10_000} {
		b.Run(fmt.Sprint("kept=", kept), func(b *testing.B) {
			index := tasklist.NewFinished()
			for n := range kept {
				index.Add(&task.Task{ID: task.ID(fmt.Sprint(n)), Type: "demo"}, noon)
			}
			b.ReportAllocs()
			for b.Loop() {
				if got := index.Expired(task.Retention{Age: time.Hour, Count: kept - 1}, noon); len(got) != 1 {
					b.Fatal(len(got))
				}
			}
		})
	}
}
