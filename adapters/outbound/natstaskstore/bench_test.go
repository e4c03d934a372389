package natstaskstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natstaskstore"
	"heliograph/domain/task"
)

// filled returns a store that holds n finished tasks, and their records.
func filled(b *testing.B, n int) (*natstaskstore.Store, []task.Task) {
	b.Helper()
	s, err := natstaskstore.Open(b.Context(), brokertest.InProcess(b), "node-1")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(ctx) })
	b.Cleanup(func() {
		cancel()
		running.Wait()
	})
	kept := make([]task.Task, n)
	for i := range kept {
		kept[i], err = s.Create(b.Context(), task.Task{
			ID: task.ID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)), Type: "demo", Status: task.Completed, Created: noon.Add(time.Duration(i) * time.Second),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s, kept
}

// A page, and what each stream that connects asks for, must not cost more the more
// is kept.
func BenchmarkList(b *testing.B) {
	for name, q := range map[string]task.Query{"one": {Limit: 1}, "unfinished": {Unfinished: true}} {
		for _, kept := range []int{10, 9000} {
			b.Run(fmt.Sprintf("%s/kept=%d", name, kept), func(b *testing.B) {
				s, _ := filled(b, kept)
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := s.List(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// A hundred callers at the same moment share what they ask the server.
func BenchmarkListTogether(b *testing.B) {
	s, _ := filled(b, 9000)
	b.SetParallelism(50)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := s.List(b.Context(), task.Query{Unfinished: true}); err != nil {
				b.Error(err)
			}
		}
	})
}

// Finding what a sweep removes costs what that is: here 10 of 10,000.
func BenchmarkSweep(b *testing.B) {
	const kept, removed = 10_000, 10
	s, _ := filled(b, kept)
	r := task.Retention{Age: time.Hour, Count: kept - removed}
	b.ReportAllocs()
	for b.Loop() {
		expired, err := s.Expired(b.Context(), r)
		if err != nil || len(expired) != removed {
			b.Fatal(len(expired), err)
		}
	}
}
