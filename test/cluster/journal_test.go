package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// journal is a file of what was done and seen, beside the logs of the processes.
type journal struct{ file *os.File }

func newJournal(t *testing.T) journal {
	t.Helper()
	file, err := os.Create(filepath.Join(t.ArtifactDir(), "journal.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return journal{file}
}

// note writes a line. The journal may be incomplete: nothing depends on it.
func (j journal) note(source, format string, args ...any) {
	line := fmt.Sprintf("%s %s "+format+"\n", append([]any{time.Now().UTC().Format(time.RFC3339Nano), source}, args...)...)
	_, _ = j.file.WriteString(line)
}
