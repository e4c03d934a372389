//go:build linux

// Command limit is what the kernel's TCP costs: a bare loop that writes
// ready-made bytes to every socket. It checks nothing and forgives nothing.
//
// With -batch=false it makes one write for each delivery, with -batch one for
// all messages that came while the pass before was under way.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	streams := flag.Int("streams", 0, "port of the streams, on 127.0.0.1")
	publish := flag.Int("publish", 0, "port on which messages are posted, on 127.0.0.1")
	batch := flag.Bool("batch", true, "one write for all that is pending")
	writers := flag.Int("writers", 2, "threads that write")
	flag.Parse()
	if err := run(*streams, *publish, *batch, *writers); err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		os.Exit(1)
	}
}

func run(streams, publish int, batch bool, writers int) error {
	listener, err := listen(streams)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	all := make([]*writer, writers)
	for i := range all {
		all[i] = newWriter(batch)
		go all[i].serve()
	}
	go func() { failed <- accept(listener, all) }()
	go func() { failed <- receive(publish, all) }()
	return <-failed
}

// listen returns a listening socket. The kernel hands over connections that
// have sent something, so that reading the request does not wait.
func listen(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, fmt.Errorf("make a socket: %w", err)
	}
	for _, f := range []func() error{
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) },
		func() error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1) },
		func() error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }, // inherited
		func() error { return unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}) },
		func() error { return unix.Listen(fd, unix.SOMAXCONN) },
	} {
		if err := f(); err != nil {
			return 0, fmt.Errorf("listen: %w", err)
		}
	}
	return fd, nil
}

const headers = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" +
	"Connection: keep-alive\r\nX-Accel-Buffering: no\r\n\r\n"

// accept answers every request with headers and deals the sockets out.
func accept(listener int, all []*writer) error {
	request := make([]byte, 64<<10)
	for i := 0; ; i++ {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK)
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		n, readErr := unix.Read(fd, request)
		if _, err := unix.Write(fd, []byte(headers)); readErr != nil || n == 0 || err != nil {
			_ = unix.Close(fd) // a probe of the port
			continue
		}
		all[i%len(all)].add(fd)
	}
}

// receive makes a frame, of the length of heliograph's, of everything posted.
func receive(port int, all []*writer) error {
	var seq atomic.Uint64
	handler := func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		frame := []byte("id: limitlimitlimit1-" + strconv.FormatUint(seq.Add(1), 10) + "\nevent: version\ndata: ")
		frame = append(append(frame, data...), "\n\n"...)
		for _, w := range all {
			w.publish(frame)
		}
		w.WriteHeader(http.StatusAccepted)
	}
	server := &http.Server{
		Addr: fmt.Sprintf("127.0.0.1:%d", port), Handler: http.HandlerFunc(handler), ReadHeaderTimeout: 10 * time.Second,
	}
	return server.ListenAndServe()
}
