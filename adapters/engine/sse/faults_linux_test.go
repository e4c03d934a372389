package sse_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/test/enginetest"
)

// vanish makes a client's socket drop all that arrives, so that it does not
// even acknowledge: as if the machine behind it had lost its network.
func vanish(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	var sockErr error
	if err := raw.Control(func(fd uintptr) {
		sockErr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	}); err != nil || sockErr != nil {
		t.Fatal(err, sockErr)
	}
}

// tcpSink is what net/http would be for the portable transport.
type tcpSink struct{ net.Conn }

func (tcpSink) Flush() error { return nil }

func (s tcpSink) NetConn() net.Conn { return s.Conn }

// servedOverTCP serves a stream with a goroutine, whose client reads nothing. As with
// net/http, the stream's context ends when the connection breaks.
func (b *bench) servedOverTCP(s *sse.Stream) *enginetest.Client {
	server, conn := enginetest.TCPPair(b.t)
	c := enginetest.NewClient(b.t, conn)
	ctx, gone := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		_, _ = server.Read(make([]byte, 1))
		gone()
	})
	running.Go(func() {
		c.Reason <- s.Serve(ctx, tcpSink{server})
		_ = server.Close()
	})
	b.t.Cleanup(func() {
		_ = conn.Close()
		running.Wait()
	})
	return c
}

func TestClientThatVanishedIsNoticed(t *testing.T) { // G4, G5
	t.Parallel()
	for name, c := range map[string]struct {
		shards    int
		heartbeat time.Duration
		serve     func(*bench, *sse.Stream) *enginetest.Client
	}{
		"by its heartbeats":                                 {enginetest.Chunked, 100 * time.Millisecond, (*bench).Stuck},
		"by probes where there are no heartbeats":           {enginetest.Chunked, 0, (*bench).Stuck},
		"by its heartbeats, portable":                       {enginetest.Portable, 100 * time.Millisecond, (*bench).servedOverTCP},
		"by probes where there are no heartbeats, portable": {enginetest.Portable, 0, (*bench).servedOverTCP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sse.Config{Shards: c.shards, Heartbeat: c.heartbeat, StallTimeout: time.Second})
			gone, good := c.serve(b, b.attach("gone", "")), b.Open(b.attach("good", ""))
			vanish(t, gone.Conn)
			<-gone.Reason
			if n := b.Stats().Streams; n != 1 {
				t.Errorf("%d streams are open, want 1", n)
			}
			b.publish(note("still here"))
			for good.Next().Event.Name != "note" { // heartbeats
			}
		})
	}
}

func TestClientThatNeverReadsIsEndedThoughItsMachineAnswers(t *testing.T) { // G4
	t.Parallel()
	b := newBench(t, sse.Config{Shards: 2, Heartbeat: 100 * time.Millisecond, StallTimeout: time.Second, HistoryBytes: 8 << 20})
	c := b.Stuck(b.attach("t", ""))
	for range 100 {
		b.publish(note(strings.Repeat("x", 10_000))) // more than its socket takes, less than the log holds
	}
	<-c.Reason
	if n := b.Stats().Slow.Stalled; n != 1 {
		t.Errorf("%d stalled streams counted, want 1", n)
	}
}

func TestClientThatReadsAByteNowAndThenFallsOutOfTheLog(t *testing.T) { // G4, E2
	t.Parallel()
	b := newBench(t, sse.Config{Shards: 2, HistoryBytes: 64 << 10})
	slow, good := b.Stuck(b.attach("slow", "")), b.Open(b.attach("good", ""))
	for n := 1; ; n++ {
		b.publish(note(strings.Repeat("x", 1000)))
		if good.Next().Event.Name != "note" {
			t.Fatal("the other stream got something else")
		}
		if _, err := slow.Conn.Read(make([]byte, 1)); err != nil {
			t.Fatalf("the stream was cut before it had read what its socket holds: %v", err)
		}
		if b.Stats().Slow.Log == 1 {
			return
		}
		if n > 5000 {
			t.Fatal("it is never ended")
		}
	}
}

func TestClientThatTalksIsHungUpOn(t *testing.T) { // S3
	t.Parallel()
	b := newBench(t, sse.Config{Shards: 2})
	c := b.Stuck(b.attach("t", ""))
	if _, err := c.Conn.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	b.publish(note("a little is ignored"))
	if _, err := c.Conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Conn.Write(make([]byte, 100_000)) // it may be hung up on before all is sent
	if reason := <-c.Reason; reason != connection.ReasonClientClosed {
		t.Errorf("it ended for %q", reason)
	}
}
