package e2e_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// logs collects what a process writes to its standard error.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write implements io.Writer.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines returns the complete lines so far.
func (l *logs) lines() []string {
	lines := strings.Split(l.String(), "\n")
	return lines[:len(lines)-1]
}

// logRecord is one line of LOG_FORMAT=json.
type logRecord map[string]any

func (r logRecord) is(key, value string) bool { return r[key] == value }

// records returns the lines so far that have the message.
func (l *logs) records(message string) []logRecord {
	var found []logRecord
	for _, line := range l.lines() {
		var r logRecord
		if json.Unmarshal([]byte(line), &r) == nil && r.is("msg", message) {
			found = append(found, r)
		}
	}
	return found
}

// warnings returns the lines so far above the level info.
func (l *logs) warnings() []logRecord {
	var found []logRecord
	for _, line := range l.lines() {
		var r logRecord
		if json.Unmarshal([]byte(line), &r) == nil && (r.is("level", "WARN") || r.is("level", "ERROR")) {
			found = append(found, r)
		}
	}
	return found
}

// mustBeClean fails if the process said what it must never say: that it has a
// bug, a secret, or a line that is not one JSON record (input has
// broken out of its field); only why it ends with a failure is said plainly.
func (l *logs) mustBeClean(t *testing.T, secrets ...string) {
	t.Helper()
	for _, line := range l.lines() {
		if !json.Valid([]byte(line)) && !strings.HasPrefix(line, "heliograph: ") {
			t.Errorf("a log line is not JSON: %.500s", line)
		}
	}
	for _, never := range append(secrets, "DATA RACE", "panic:") {
		if strings.Contains(l.String(), never) {
			t.Errorf("the log holds %q", never)
		}
	}
}

// String returns the record as JSON.
func (r logRecord) String() string {
	text, err := json.Marshal(map[string]any(r))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
