package e2e_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStartErrorsAreOneLine starts the service where it cannot
// be: the operator learns what to look at, and nothing of how the service is made.
func TestStartErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	port := strings.TrimPrefix(taken.Addr().String(), "127.0.0.1:")
	inUse := t.TempDir()
	start(t, "DATA_DIR="+inUse)
	for _, c := range []struct {
		name, command, env string
		said               []string // what the line begins with, and what else is in it
	}{
		{"a folder that cannot be made", "serve", "DATA_DIR=" + file + "/x", []string{"DATA_DIR: ", file, "can write to"}},
		{"a folder of another process", "serve", "DATA_DIR=" + inUse, []string{"DATA_DIR: ", inUse, "in use by another process"}},
		{"credentials that are not there", "serve", "NATS_URL=nats://127.0.0.1:1 NATS_CREDS=/no/such.creds", []string{"NATS_CREDS: ", "/no/such.creds"}},
		{"an address in use", "serve", "HTTP_ADDR=" + taken.Addr().String(), []string{"HTTP_ADDR: ", port, "address already in use"}},
		{"a file of tasks that is not there", "serve", "TASKS_FILE=/no/such.yaml", []string{"TASKS_FILE: ", "/no/such.yaml"}},
		{"a gateway's port in use", "gateway", "PORT=" + port, []string{"PORT: ", port, "address already in use"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"HTTP_ADDR=127.0.0.1:0", "LOG_LEVEL=error"}, strings.Fields(c.env)...)
			status, stdout, stderr := heliograph(t, env, c.command)
			if status != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "heliograph: "+c.said[0]) {
				t.Errorf("exit status %d, %s%s", status, stdout, stderr)
			}
			for _, want := range c.said[1:] {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in %s", want, stderr)
				}
			}
		})
	}
}
