// Command standin runs the tests' SSE gateway as a process of its own. It
// prints one line of JSON, {"gateway": URL, "control": URL}, and ends with its
// standard input, so that it never outlives the test that started it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"heliograph/test/standin"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	gateway := standin.NewServer()
	if err := gateway.Back(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for control: %w", err)
	}
	control := &http.Server{Handler: gateway.ControlHandler(), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(listener) }()

	where := map[string]string{"gateway": gateway.URL(), "control": "http://" + listener.Addr().String()}
	if err := json.NewEncoder(out).Encode(where); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	err = errors.Join(err, gateway.Away(), control.Close())
	if serve := <-ended; !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return err
}
