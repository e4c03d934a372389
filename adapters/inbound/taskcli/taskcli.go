// Package taskcli serves a person at a terminal, or a script without one: it
// starts a task on a running service and follows it to its end ("heliograph run").
// The result goes to standard output, everything else to standard error.
package taskcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/taskjson"
)

// The exit statuses.
const (
	Completed = 0
	Failed    = 1 // or what it returned could not be written
	Usage     = 2 // there is no such task type, or it does not take these params
	Cancelled = 3
	Lost      = 4 // the service cannot be reached, takes no task, or has lost it
	// Left is for leaving before the task's end: 128 and the number of SIGINT,
	// as shells have it.
	Left = 130
)

// Options say what to start and how to follow it.
type Options struct {
	URL    string   // the service's, such as http://localhost:8080
	Token  string   // the credential: a JWT or an API key; "" for none
	Type   string   // the task's
	Params string   // a JSON object; "" for none
	Pairs  []string // name=value; they win over Params
	Labels []string // key=value
	RunAt  string   // when it is to run, in RFC 3339; "" is at once
	Delay  time.Duration
	Key    string // Idempotency-Key; "" for none
	// JSON puts all that is known of the ended task on standard output, and not
	// only its result.
	JSON bool
	// Detach ends it when the task is started; its ID goes to standard output.
	Detach bool
}

// Terminal is where it happens. All but In are required.
type Terminal struct {
	In       io.Reader // asked only when Interactive
	Out, Err io.Writer
	// Interactive says that a person sits at In and Err.
	Interactive bool
	// Width is that of Err's lines; called only when Interactive.
	Width func() int
	// Interrupts has each Ctrl-C; any other signal leaves.
	Interrupts <-chan os.Signal
	// Transport carries the requests.
	Transport http.RoundTripper
}

// Run does it all and returns the exit status.
func Run(ctx context.Context, o Options, t Terminal) int {
	client, err := apiclient.New(o.URL, o.Token, t.Transport)
	if err != nil {
		t.say("--url: %v", err)
		return Usage
	}
	s := session{options: o, terminal: t, client: client}
	return s.run(ctx)
}

// say writes a line for people. An error is ignored: it could not be shown either.
func (t Terminal) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.Err, "heliograph: "+format+"\n", args...)
}

// start starts the task. Errors: errUsage, and the client's.
func (s *session) start(ctx context.Context) (taskjson.Task, error) {
	labels, err := buildLabels(s.options.Labels)
	if err != nil {
		return taskjson.Task{}, err
	}
	schema := json.RawMessage(nil)
	if len(s.options.Pairs) > 0 {
		schemas, err := s.client.Types(ctx)
		if err != nil {
			return taskjson.Task{}, err
		}
		schema = schemas[s.options.Type]
	}
	params, err := buildParams(s.options.Params, s.options.Pairs, schema)
	if err != nil {
		return taskjson.Task{}, err
	}
	return s.client.Start(ctx, apiclient.Start{
		Type: s.options.Type, Params: params, Labels: labels, Key: s.options.Key, RunAt: s.options.RunAt, Delay: s.options.Delay.Seconds(),
	})
}

// statusOf returns the exit status for what kept a task from being started.
func statusOf(err error) int {
	if errors.Is(err, errUsage) || apiclient.IsRefusal(err) {
		return Usage
	}
	return Lost
}
