package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newKey makes an API key as an operator does.
func newKey(t *testing.T, name string, options ...string) (key, line string) {
	t.Helper()
	status, out, errs := heliograph(t, nil, append([]string{"key", "new", name}, options...)...)
	key, line, found := strings.Cut(strings.TrimSuffix(out, "\n"), "\n")
	if status != 0 || !found {
		t.Fatalf("key new: status %d\n%s%s", status, out, errs)
	}
	return key, line
}

// keysFile returns the path of a file with these lines.
func keysFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	writeLines(t, path, lines...)
	return path
}

// writeLines replaces a file, as a deployment does.
func writeLines(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// A key that leaves the file is refused, and its streams end.
func TestAKeyThatLeavesTheFileIsRefused(t *testing.T) { // A5, A18
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		gone, goneLine := newKey(t, "gone", "--scope", "stream,tasks:read")
		stays, staysLine := newKey(t, "stays", "--scope", "stream,tasks:read")
		path := keysFile(t, goneLine, staysLine)
		s := start(t, "AUTH=required", "AUTH_KEYS_FILE="+path, versionless)
		ends, goesOn := s.as(gone).stream(t, "a"), s.as(stays).stream(t, "b")
		ends.awaitNamed(t, "task_snapshot")
		goesOn.awaitNamed(t, "task_snapshot")
		writeLines(t, path, staysLine)
		await(t, "the end of the stream", ends.Done())
		s.as(gone).refused(t, 401, "CREDENTIAL_UNKNOWN", "GET", "/api/tasks", "")
		s.as(gone).refusedStream(t, 401, s.streamCode("CREDENTIAL_UNKNOWN"), "a")
		s.as(stays).must(t, 200, "GET", "/api/tasks", "")
		select {
		case <-goesOn.Done():
			t.Error("A18: the stream of another key has ended")
		default:
		}
		s.logs.mustBeClean(t, gone, stays)
	})
}
