//go:build linux

// Command loadgen is the benchmark's clients and publisher as a process of its
// own. It does what is asked for on standard input by net/rpc, calls of
// load.Client, and ends when that closes.
package main

import (
	"fmt"
	"io"
	"net/rpc"
	"os"

	"heliograph/test/bench/load"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

func serve() error {
	client, err := load.New()
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.Register(client); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	server.ServeConn(standard{os.Stdin, os.Stdout})
	return nil
}

// standard is standard input and output as one connection.
type standard struct {
	io.Reader
	io.WriteCloser
}
