package httpserver_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"heliograph/adapters/http/httpserver"
)

// upload asks with a body of that many bytes, of which it sends all.
func (c *client) upload(path string, size int) {
	c.send(fmt.Sprintf("POST %s HTTP/1.1\nHost: x\nContent-Length: %d\n\n", path, size))
	c.send(strings.Repeat("x", size))
}

// What is under way of all bodies together is bounded.

func TestLargeBodiesAreBoundedTogether(t *testing.T) {
	const large = 16 << 20 // four of which are all there may be
	arrived, release := make(chan error), make(chan struct{})
	r := serve(t, httpserver.Config{}, func(w http.ResponseWriter, req *http.Request) {
		_, err := io.Copy(io.Discard, req.Body)
		switch {
		case req.URL.Path == "/hold":
			arrived <- err
			<-release
		case req.URL.Path == "/done":
			_ = req.Body.Close() // as one that waits for something else
			arrived <- err
			<-release
		case errors.Is(err, httpserver.ErrBusy):
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		hello(w, req)
	})
	for range 3 {
		go r.dial().upload("/done", large) // these do not count when they are read
		if err := <-arrived; err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		go r.dial().upload("/hold", large)
		if err := <-arrived; err != nil {
			t.Fatal(err)
		}
	}
	fifth := r.dial()
	fifth.upload("/", 128<<10)
	if resp, _ := fifth.answer(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a fifth large body is answered %d", resp.StatusCode)
	}
	small := r.dial()
	small.upload("/", 1<<10)
	if resp, body := small.answer(); resp.StatusCode != http.StatusOK || body != "hello" {
		t.Errorf("a small body is answered %d %s", resp.StatusCode, body)
	}
	close(release)
}
