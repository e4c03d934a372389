package httpserver_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/http/httpserver"
)

// An answer that is not read is not kept for ever.

func TestWriteWithoutProgressTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe() // which buffers nothing
		defer func() { _ = client.Close() }()
		c := httpserver.Track(server)
		began := time.Now()
		n, err := c.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n != 0 || time.Since(began) != 30*time.Second {
			t.Errorf("%d bytes, %v after %s", n, err, time.Since(began))
		}
	})
}

func TestSlowReaderGetsTheWholeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, got := httpserver.Track(server), 0
		ended := make(chan error)
		go func() {
			_, err := c.Write(make([]byte, 1<<20))
			_ = server.Close()
			ended <- err
		}()
		part := make([]byte, 64<<10)
		for began := time.Now(); time.Since(began) < time.Hour; <-time.After(20 * time.Second) {
			n, err := client.Read(part)
			if got += n; err != nil {
				break
			}
		}
		if err := <-ended; err != nil || got != 1<<20 {
			t.Errorf("%d bytes, %v", got, err)
		}
	})
}

func TestHandlersDeadlineTakesPrecedence(t *testing.T) { // as streams set it
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer func() { _ = client.Close() }()
		c := httpserver.Track(server)
		for _, wait := range []time.Duration{time.Second, time.Hour} {
			if err := c.SetWriteDeadline(time.Now().Add(wait)); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := c.Write(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != wait {
				t.Errorf("%v after %s, want %s", err, time.Since(began), wait)
			}
		}
		_ = c.SetWriteDeadline(time.Time{})
		began := time.Now()
		if _, err := c.Write(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 30*time.Second {
			t.Errorf("given back: %v after %s", err, time.Since(began))
		}
	})
}

func TestShutdownDoesNotWaitForClientsThatDoNotRead(t *testing.T) { // T15
	entered := make(chan struct{})
	r := serve(t, httpserver.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		_, _ = w.Write(make([]byte, 64<<20)) // more than the system's buffers take
	})
	r.dial().send(ask)
	<-entered
	if err := r.Shutdown(t.Context()); err != nil { // net/http would wait for as long as the client does
		t.Errorf("shutdown: %v", err)
	}
}
