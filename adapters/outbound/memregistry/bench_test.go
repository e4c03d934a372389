package memregistry_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
)

const browsers = 100_000 // the plan for one node

func named(i int) connection.Connection {
	return connection.Connection{
		RequestID: connection.RequestID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)),
		Token:     connection.Token(fmt.Sprintf("00000000-0000-4000-9000-%012d", i)),
		Node:      "node-1",
	}
}

func full(tb testing.TB, r connection.Registry) []connection.Connection {
	tb.Helper()
	all := make([]connection.Connection, browsers)
	for i := range all {
		all[i] = named(i)
		if _, err := r.Put(tb.Context(), all[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// BenchmarkMemory reports what a connection costs on the heap, its two UUIDs
// included.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		r := memregistry.New()
		for i := range browsers {
			_, _ = r.Put(b.Context(), named(i))
		}
		b.ReportMetric(float64(heap()-before)/browsers, "B/connection")
		runtime.KeepAlive(r)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkPutRemove(b *testing.B) {
	r := memregistry.New()
	all := full(b, r)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := all[i%browsers]
		_, _ = r.Remove(b.Context(), c.Token)
		_, _ = r.Put(b.Context(), c)
	}
}

func BenchmarkByToken(b *testing.B) {
	r := memregistry.New()
	all := full(b, r)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _ = r.ByToken(b.Context(), all[i%browsers].Token)
	}
}

// BenchmarkParallel is what justifies the shards: the same work on the same maps
// behind one mutex, with more goroutines than cores.
func BenchmarkParallel(b *testing.B) {
	b.Run("sharded", func(b *testing.B) { parallel(b, memregistry.New()) })
	b.Run("one-mutex", func(b *testing.B) { parallel(b, newOneMutex()) })
}

func parallel(b *testing.B, r connection.Registry) {
	b.Helper()
	all := full(b, r)
	var worker atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for i := int(worker.Add(1)) * 7919; pb.Next(); i++ {
			c := all[i%browsers]
			_, _ = r.ByToken(b.Context(), c.Token)
			_, _ = r.Remove(b.Context(), c.Token)
			_, _ = r.Put(b.Context(), c)
		}
	})
}

// oneMutex is the plain variant to compare with.
type oneMutex struct {
	connection.Registry // of which only three methods are needed

	mu      sync.Mutex
	records map[connection.RequestID]connection.Connection
	index   map[connection.Token]connection.RequestID
}

func newOneMutex() *oneMutex {
	return &oneMutex{
		records: map[connection.RequestID]connection.Connection{},
		index:   map[connection.Token]connection.RequestID{},
	}
}

func (r *oneMutex) Put(_ context.Context, c connection.Connection) (connection.Connection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.records[c.RequestID]
	delete(r.index, old.Token)
	r.records[c.RequestID], r.index[c.Token] = c, c.RequestID
	return old, nil
}

func (r *oneMutex) Remove(_ context.Context, token connection.Token) (connection.Connection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.records[r.index[token]]
	delete(r.records, c.RequestID)
	delete(r.index, token)
	return c, nil
}

func (r *oneMutex) ByToken(_ context.Context, token connection.Token) (connection.Connection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records[r.index[token]], nil
}
