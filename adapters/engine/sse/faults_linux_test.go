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
func (b *bench) servedOverTCP(s *sse.Stream) *client {
	server, conn := tcpPair(b.t)
	c := newClient(b.t, conn)
	ctx, gone := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		_, _ = server.Read(make([]byte, 1))
		gone()
	})
	running.Go(func() {
		c.reason <- s.Serve(ctx, tcpSink{server})
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
		serve     func(*bench, *sse.Stream) *client
	}{
		"by its heartbeats":                                 {twoShards, 100 * time.Millisecond, (*bench).stuck},
		"by probes where there are no heartbeats":           {twoShards, 0, (*bench).stuck},
		"by its heartbeats, portable":                       {noShards, 100 * time.Millisecond, (*bench).servedOverTCP},
		"by probes where there are no heartbeats, portable": {noShards, 0, (*bench).servedOverTCP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sse.Config{Shards: c.shards, Heartbeat: c.heartbeat, StallTimeout: time.Second})
			gone, good := c.serve(b, b.attach("gone", "")), b.open(b.attach("good", ""))
			vanish(t, gone.conn)
			<-gone.reason
			if n := b.Stats().Streams; n != 1 {
				t.Errorf("%d streams are open, want 1", n)
			}
			b.publish(note("still here"))
			for good.next().Event.Name != "note" { // heartbeats
			}
		})
	}
}

func TestClientThatNeverReadsIsEndedThoughItsMachineAnswers(t *testing.T) { // G4
	t.Parallel()
	b := newBench(t, sse.Config{Shards: 2, Heartbeat: 100 * time.Millisecond, StallTimeout: time.Second, HistoryBytes: 8 << 20})
	c := b.stuck(b.attach("t", ""))
	for range 100 {
		b.publish(note(strings.Repeat("x", 10_000))) // more than its socket takes, less than the log holds
	}
	<-c.reason
	if n := b.Stats().Slow.Stalled; n != 1 {
		t.Errorf("%d stalled streams counted, want 1", n)
	}
}

func TestClientThatReadsAByteNowAndThenFallsOutOfTheLog(t *testing.T) { // G4, E2
	t.Parallel()
	b := newBench(t, sse.Config{Shards: 2, HistoryBytes: 64 << 10})
	slow, good := b.stuck(b.attach("slow", "")), b.open(b.attach("good", ""))
	for n := 1; ; n++ {
		b.publish(note(strings.Repeat("x", 1000)))
		if good.next().Event.Name != "note" {
			t.Fatal("the other stream got something else")
		}
		if _, err := slow.conn.Read(make([]byte, 1)); err != nil {
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
	c := b.stuck(b.attach("t", ""))
	if _, err := c.conn.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	b.publish(note("a little is ignored"))
	if _, err := c.conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_, _ = c.conn.Write(make([]byte, 100_000)) // it may be hung up on before all is sent
	if reason := <-c.reason; reason != connection.ReasonClientClosed {
		t.Errorf("it ended for %q", reason)
	}
}
