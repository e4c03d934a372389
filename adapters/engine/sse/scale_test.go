package sse_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// simulated is an engine whose sockets are simulated, with so many streams.
type simulated struct {
	*sse.Engine

	kernels func() []*sse.Simulation
	stop    func()
	seq     uint64
}

func simulate(t testing.TB, cfg sse.Config, streams int) *simulated {
	t.Helper()
	cfg.Start.Epoch = epoch
	s := &simulated{}
	s.Engine, s.kernels = sse.NewSimulated(cfg, newTally())
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(ctx) })
	s.stop = sync.OnceFunc(func() {
		cancel()
		serving.Wait()
	})
	t.Cleanup(s.stop)
	for !s.Adopts() {
		runtime.Gosched() // Serve begins
	}
	for i := range streams {
		s.connect(t, strconv.Itoa(i), "", sse.SimulatedConn{})
	}
	return s
}

func (s *simulated) connect(t testing.TB, token, lastEventID string, conn sse.SimulatedConn) {
	stream, err := s.Attach(connection.Token(token), lastEventID)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Adopt(conn, sse.Answer{Head: []byte("head"), Chunked: true}, func() {}); err != nil {
		t.Fatal(err)
	}
}

func (s *simulated) publish(t testing.TB, n int) {
	for range n {
		s.seq++
		rec := event.Record{ID: event.ID{Epoch: epoch, Seq: s.seq}, Event: event.Event{
			Service: event.ServiceTask, Name: "task_event", Data: payload150,
		}}
		if err := s.Broadcast(rec); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *simulated) count(of func(*sse.Simulation) int64) (n int64) {
	for _, k := range s.kernels() {
		n += of(k)
	}
	return n
}

func (s *simulated) bytes() int64 {
	return s.count(func(k *sse.Simulation) int64 { return k.Bytes.Load() })
}

func (s *simulated) writes() int64 {
	return s.count(func(k *sse.Simulation) int64 { return k.Writes.Load() })
}

// until waits for a condition that others bring about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit:
			t.Fatalf("it never happened that %s", what)
		case <-tick.C:
		}
	}
}

func TestReplayOfTenThousandEventsCostsAHandfulOfWrites(t *testing.T) { // G2
	t.Parallel()
	s := simulate(t, sse.Config{HistoryBytes: 16 << 20}, 0)
	s.publish(t, 10_000)
	want := int64(s.Stats().LogBytes) / 2 // the frames take most of the segments
	s.connect(t, "late", epoch+"-0", sse.SimulatedConn{})
	until(t, "the replay arrives", func() bool { return s.bytes() > want })
	if n := s.writes(); n > 20 {
		t.Errorf("%d writes, want a handful", n)
	}
}

func TestStuckStreamsCostTheOthersNothing(t *testing.T) { // E2, G4
	t.Parallel()
	s := simulate(t, sse.Config{HistoryBytes: 64 << 10}, 100)
	for i := range 100 {
		s.connect(t, fmt.Sprint("stuck", i), "", sse.SimulatedConn{Stuck: true})
	}
	until(t, "the heads arrive", func() bool { return s.writes() == 100 })
	for n := int64(2); s.Stats().Slow.Log < 100; n++ {
		if n > 2000 {
			t.Fatal("the stuck streams are never ended")
		}
		s.publish(t, 1)
		until(t, "the event arrives", func() bool { return s.writes() >= 100*n })
	}
	if n := s.Stats().Streams; n != 100 {
		t.Errorf("%d streams are open, want the 100 that are not stuck", n)
	}
}

// TestMillionConnectsLeaveNothing is the whole life of a million streams, some
// thousand at a time.
func TestMillionConnectsLeaveNothing(t *testing.T) { // G4
	if testing.Short() {
		t.Skip("a million connects take some seconds")
	}
	const rounds, each = 100, 10_000
	s := simulate(t, sse.Config{HistoryBytes: 1 << 20}, 0)
	var ended sync.WaitGroup
	goroutines, heap := 0, uint64(0)
	for round := range rounds {
		ended.Add(each)
		for i := range each {
			s.connect(t, strconv.Itoa(i), "", sse.SimulatedConn{})
		}
		s.publish(t, 1)
		for i := range each {
			if err := s.Close(connection.Token(strconv.Itoa(i)), event.Event{Name: stream.NameReplaced, Data: []byte(`{}`)}); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "the streams end", func() bool { return s.Stats().Streams == 0 })
		if round == 0 {
			goroutines, heap = runtime.NumGoroutine(), live()
		}
		until(t, "what the streams took is given back", func() bool { return live() <= heap+heap/2+1<<20 })
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d after the first round", n, goroutines)
	}
	if n := s.count(func(k *sse.Simulation) int64 { return k.Closed.Load() }); n != rounds*each {
		t.Errorf("%d sockets were closed, want %d", n, rounds*each)
	}
}

// The limits are size classes of Go's allocator (runtime/sizeclasses.go): one byte more
// costs each stream the next class.
func TestAStreamFitsItsSizeClass(t *testing.T) { // G4
	t.Parallel()
	for _, tt := range []struct {
		what        string
		size, limit uintptr
	}{
		{"stream", sse.StreamSize, 224},
		{"queue", sse.QueueSize, 48},
		{"queue's first events", sse.PrivatesSize, 480},
	} {
		if tt.size > tt.limit {
			t.Errorf("a %s takes %d bytes, want %d at most", tt.what, tt.size, tt.limit)
		}
	}
}

// live is the heap after a collection.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPass is one event to many streams whose sockets cost nothing, and
// the memory of a stream.
func BenchmarkPass(b *testing.B) {
	for _, streams := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("streams=", streams), func(b *testing.B) {
			before := live()
			s := simulate(b, sse.Config{HistoryBytes: 1 << 20}, streams)
			until(b, "the heads arrive", func() bool { return s.writes() >= int64(streams) })
			perStream := float64(live()-before) / float64(streams)
			b.ReportAllocs()
			want := s.bytes()
			s.publish(b, 1)
			until(b, "the first event arrives", func() bool { return s.writes() >= 2*int64(streams) })
			frame := (s.bytes() - want) / int64(streams)
			want = s.bytes()
			for b.Loop() {
				s.publish(b, 1)
				want += frame * int64(streams)
				for s.bytes() < want {
					runtime.Gosched()
				}
				want = s.bytes() // a longer sequence number makes the frame longer
			}
			b.ReportMetric(perStream, "B/stream")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(streams), "ns/delivery")
		})
	}
}
