package link_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/test/cluster/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const waitLimit = 10 * time.Second

// echo is a server that sends back what it gets, and a link to it.
func echo(t *testing.T) *link.Link {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	l, err := link.New(t.Context(), server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Close()
		<-done
		l.Close()
	})
	return l
}

func dial(t *testing.T, l *link.Link) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func say(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func mustHear(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(waitLimit))
	if got, err := bufio.NewReader(conn).ReadString('\n'); got != line+"\n" {
		t.Fatalf("heard %q, %v; want %q", got, err, line)
	}
}

func mustHearNothing(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
		t.Fatalf("read %d bytes, %v; want none and no end", n, err)
	}
}

func TestBytesOnACutLinkArriveOnceItIsRestored(t *testing.T) {
	l := echo(t)
	before := dial(t, l)
	say(t, before, "one")
	mustHear(t, before, "one")
	l.Cut()
	l.Cut() // changes nothing
	during := dial(t, l)
	for _, conn := range []net.Conn{before, during} {
		say(t, conn, "two")
		mustHearNothing(t, conn)
	}
	l.Heal()
	l.Heal()
	for _, conn := range []net.Conn{before, during} {
		mustHear(t, conn, "two")
	}
}

func TestABrokenLinkEndsItsConnectionsAndCarriesNewOnes(t *testing.T) {
	l := echo(t)
	conn := dial(t, l)
	say(t, conn, "one")
	mustHear(t, conn, "one")
	l.Break()
	_ = conn.SetReadDeadline(time.Now().Add(waitLimit))
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Fatalf("the connection lives on: %v", err)
	}
	l.Slow(time.Millisecond)
	again := dial(t, l)
	say(t, again, "two")
	mustHear(t, again, "two")
}
