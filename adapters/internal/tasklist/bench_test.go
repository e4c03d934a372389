package tasklist_test

import (
	"fmt"
	"testing"
	"time"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

// What a page for a label costs that none of very many tasks has, for each task that is
// looked at, and for how long changes wait meanwhile (T16).
func BenchmarkListOfALabelThatNoTaskHas(b *testing.B) {
	for _, own := range []int{0, 2, 16} {
		b.Run(fmt.Sprintf("among tasks with %d labels", own), func(b *testing.B) {
			const many = 100_000
			set := tasklist.NewSet()
			for n := range many {
				one := task.Task{ID: task.ID(fmt.Sprint(n)), Created: noon.Add(time.Duration(n)), Status: task.Completed, Labels: task.Labels{}}
				for i := range own {
					one.Labels[fmt.Sprint("key-", i)] = fmt.Sprint(n)
				}
				set.Put(one, noon)
			}
			q := task.Query{Limit: 50, Labels: []task.Label{{Key: "key-0", Value: "none"}}}
			var calls int
			for b.Loop() {
				for q.Cursor = ""; ; calls++ {
					_, next, err := set.List(q)
					if err != nil {
						b.Fatal(err)
					}
					if q.Cursor = next; next == "" {
						break
					}
				}
			}
			took := float64(b.Elapsed().Nanoseconds())
			b.ReportMetric(took/float64(b.N*many), "ns/task")
			b.ReportMetric(took/float64(calls+b.N)/1000, "µs/call")
		})
	}
}
