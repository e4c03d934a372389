package sse_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
)

// adopt adopts a new stream "t" on a simulated socket.
func (s *simulated) adopt(t *testing.T, opened func()) {
	t.Helper()
	stream, err := s.Attach("t", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Adopt(sse.SimulatedConn{}, sse.Answer{Head: []byte("head"), Chunked: true}, opened); err != nil {
		t.Fatal(err)
	}
}

func (s *simulated) send(t *testing.T) {
	t.Helper()
	if err := s.Send("t", note("private")); err != nil {
		t.Error(err)
	}
}

func TestWhatObserversSendLeavesWithTheHead(t *testing.T) { // G9
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, sse.Config{HistoryBytes: 1 << 20, Shards: 1}, 0)
		s.adopt(t, func() {
			s.send(t)
			s.publish(t, 1)
			s.send(t)
			synctest.Wait()
			if n := s.writes(); n != 0 {
				t.Errorf("%d writes before the observers were done", n)
			}
		})
		synctest.Wait()
		if n := s.writes(); n != 3 { // the log's event is a write of its own, between the private ones
			t.Errorf("%d writes, want 3", n)
		}
	})
}

func TestHeadWaitsForNoSlowObserver(t *testing.T) { // C7, G9
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, sse.Config{HistoryBytes: 1 << 20, Shards: 1}, 0)
		s.adopt(t, func() {
			<-time.After(20 * time.Millisecond) // longer than a handoff waits
			if n := s.bytes(); n != int64(len("head")) {
				t.Errorf("%d bytes were written meanwhile, want the head", n)
			}
			s.send(t)
			synctest.Wait()
			if n := s.writes(); n != 2 {
				t.Errorf("%d writes, want that what comes later leaves at once", n)
			}
		})
	})
}

func TestStreamThatIsOpenedWhileTheEngineStopsEnds(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, sse.Config{HistoryBytes: 1 << 20, Shards: 1}, 0)
		var ended []connection.Reason
		s.OnEnd(func(_ connection.Token, why connection.Reason) { ended = append(ended, why) })
		s.adopt(t, s.stop)
		closed := s.count(func(k *sse.Simulation) int64 { return k.Closed.Load() })
		if n := s.Stats().Streams; n != 0 || closed != 1 || len(ended) != 1 || ended[0] != connection.ReasonServerClosed {
			t.Errorf("%d streams are left, %d sockets were closed, ends reported: %q", n, closed, ended)
		}
	})
}

func TestDetachAfterAdoptDoesNothingHoweverLateTheObserversWere(t *testing.T) { // G8, G9
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, sse.Config{HistoryBytes: 1 << 20, Shards: 1}, 0)
		const streams = 100
		for i := range streams {
			stream, err := s.Attach(connection.Token(strconv.Itoa(i)), "")
			if err != nil {
				t.Fatal(err)
			}
			// As long as the head waits: then the stream is started as Adopt returns.
			if err := stream.Adopt(sse.SimulatedConn{}, sse.Answer{}, func() { <-time.After(5 * time.Millisecond) }); err != nil {
				t.Fatal(err)
			}
			stream.Detach()
		}
		synctest.Wait()
		if n := s.Stats().Streams; n != streams {
			t.Errorf("%d streams are left, want %d", n, streams)
		}
	})
}
