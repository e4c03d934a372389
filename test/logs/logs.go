// Package logs keeps what is logged in tests.
package logs

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Logs is what was logged, line by line. It is safe for concurrent use; its zero value
// is ready.
type Logs struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

// Logger returns a logger of all levels that writes to l.
func (l *Logs) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements io.Writer.
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all of it.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count returns how many lines have all the parts.
func (l *Logs) Count(parts ...string) (lines int) {
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			lines++
		}
	}
	return lines
}

// Has reports whether a line has all the parts.
func (l *Logs) Has(parts ...string) bool { return l.Count(parts...) > 0 }

// Want fails t unless a line has all the parts.
func (l *Logs) Want(t *testing.T, parts ...string) {
	t.Helper()
	if !l.Has(parts...) {
		t.Errorf("no line of the log has %q:\n%s", parts, l)
	}
}
