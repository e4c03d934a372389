package commandtasks_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/commandtasks"
	"heliograph/domain/task"
	"heliograph/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// waitLimit bounds a broken test, not a slow one.
const waitLimit = 30 * time.Second

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// environ is the service's environment as commands may see it.
var environ = map[string]string{"PATH": "/usr/bin:/bin", "HOME": "/root", "SECRET": "s3cret", "TOKEN_FILE": "/run/token"}

func lookup(name string) (string, bool) {
	value, ok := environ[name]
	return value, ok
}

// logged is what commands log.
var logged logs.Logs

func parse(file string) ([]task.Type, error) {
	return commandtasks.Parse("tasks.yaml", []byte(file), commandtasks.Host{Grace: time.Minute, Lookup: lookup, Log: slog.New(slog.NewTextHandler(&logged, nil))})
}

// handler is that of the task type that entry describes.
func handler(t testing.TB, entry string) task.Handler {
	t.Helper()
	types, err := parse("tasks:\n  it:\n    " + strings.ReplaceAll(strings.TrimSpace(entry), "\n", "\n    "))
	if err != nil {
		t.Fatal(err)
	}
	return types[0].Handler
}

// shell is an entry that runs a script; the file's author may do so.
func shell(script string, more ...string) string {
	return "command: [sh, -c, '" + strings.ReplaceAll(script, "'", "''") + "']\n" + strings.Join(more, "\n")
}

// reports keeps what a command reports, as JSON, and signals texts.
type reports struct {
	texts chan string // gets every text, if it has room

	mu      sync.Mutex
	updates []string // guarded by mu
}

func newReports() *reports { return &reports{texts: make(chan string, 100)} }

func (r *reports) Report(text string, value float64) {
	r.Update(task.Update{Text: &text, Value: &value})
}
func (r *reports) Text(text string)    { r.Update(task.Update{Text: &text}) }
func (r *reports) Value(value float64) { r.Update(task.Update{Value: &value}) }

func (r *reports) Update(u task.Update) {
	text, err := json.Marshal(u)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	r.updates = append(r.updates, string(text))
	r.mu.Unlock()
	if u.Text != nil {
		select {
		case r.texts <- *u.Text:
		default:
		}
	}
}

func (r *reports) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.updates
}

// run is a command at work.
type run struct {
	*reports

	cancel   context.CancelCauseFunc
	returned chan struct{}
	result   json.RawMessage // to be read once returned is closed
	err      error
}

func start(t *testing.T, h task.Handler, params string) *run {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	r := &run{reports: newReports(), cancel: cancel, returned: make(chan struct{})}
	go func() {
		defer close(r.returned)
		r.result, r.err = h.Run(ctx, raw(params), r)
	}()
	t.Cleanup(func() {
		cancel(nil)
		<-r.returned
	})
	return r
}

// text waits for the next text.
func (r *run) text(t *testing.T) string {
	t.Helper()
	select {
	case text := <-r.texts:
		return text
	case <-time.After(waitLimit):
		t.Fatal("no text came")
		return ""
	}
}

// end waits for Run to return.
func (r *run) end(t *testing.T) (json.RawMessage, error) {
	t.Helper()
	select {
	case <-r.returned:
	case <-time.After(waitLimit):
		t.Fatal("Run does not return")
	}
	return r.result, r.err
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
