package sse_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"heliograph/adapters/internal/sse"
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

func TestClientThatVanishedIsNoticedByItsHeartbeats(t *testing.T) { // G4, G5
	t.Parallel()
	b := newBench(t, sse.Config{Shards: 2, Heartbeat: 100 * time.Millisecond, StallTimeout: time.Second})
	gone, good := b.stuck(b.attach("gone", "")), b.open(b.attach("good", ""))
	vanish(t, gone.conn)
	if reason := <-gone.reason; reason != connection.ReasonServerClosed {
		t.Errorf("it ended for %q", reason)
	}
	if s := b.Stats(); s.Slow.Stalled != 1 || s.Streams != 1 {
		t.Errorf("%d stalled streams counted, %d open; want 1 and 1", s.Slow.Stalled, s.Streams)
	}
	b.publish(note("still here"))
	for good.next().Event.Name != "note" { // heartbeats
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
