// Package freeport finds ports for servers of tests that must keep theirs
// across a restart.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// The ports lie below those that systems give to clients: while a server is
// down, none of its clients can be given its port.
const (
	first = 10_000
	end   = 32_768
)

var taken sync.Map // ports that were given out in this process

// Addr returns a host:port of this machine on which nothing listens.
func Addr(t testing.TB) string {
	t.Helper()
	return addr(Port(t))
}

// Port is Addr without the host, which is 127.0.0.1.
func Port(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := first + rand.IntN(end-first) //nolint:gosec // no secret
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		if _, again := taken.LoadOrStore(port, true); !again {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func addr(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
