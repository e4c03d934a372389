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
	"maps"
	"net/http"
	"os"
	"time"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
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
	URL   string // the service's, such as http://localhost:8080
	Token string // the credential: a JWT or an API key; "" for none
	Type  string // the task's
	// Retry is an ended task, in place of a Type: its type, params and labels are taken, but for
	// the params, Pairs and Labels that are given here.
	Retry task.ID
	// Attach is a task that is there, in place of a Type: it is only followed.
	Attach task.ID
	Params string   // a JSON object, @FILE, or - for what In has; "" for none
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
	In       io.Reader // read only when Interactive, and for params that are -
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

// start starts the task. Errors: cli.ErrUsage, and the client's.
func (s *session) start(ctx context.Context) (taskjson.Task, error) {
	o := s.options
	if o.Attach != "" {
		return s.client.Status(ctx, o.Attach)
	}
	labels, err := cli.Labels(o.Labels)
	if err != nil {
		return taskjson.Task{}, err
	}
	given, err := readParams(o.Params, s.terminal.In)
	if err != nil {
		return taskjson.Task{}, err
	}
	if o.Retry != "" {
		before, err := s.before(ctx, given != "")
		if err != nil {
			return taskjson.Task{}, err
		}
		o.Type = before.Type
		if given == "" && string(before.Params) != "null" {
			given = string(before.Params)
		}
		maps.Copy(before.Labels, labels)
		labels = before.Labels
	}
	schema := json.RawMessage(nil)
	if len(o.Pairs) > 0 {
		schemas, err := s.client.Types(ctx)
		if err != nil {
			return taskjson.Task{}, err
		}
		schema = schemas[o.Type]
	}
	params, err := buildParams(given, o.Pairs, schema)
	if err != nil {
		return taskjson.Task{}, err
	}
	return s.client.Start(ctx, apiclient.Start{
		Type: o.Type, Params: params, Labels: labels, Key: o.Key, RunAt: o.RunAt, Delay: o.Delay.Seconds(),
	})
}

// before returns the task that is to be retried. Errors: cli.ErrUsage if it has not ended, or if
// its params are hidden and no others are given; the client's.
func (s *session) before(ctx context.Context, given bool) (taskjson.Task, error) {
	t, err := s.client.StatusWithParams(ctx, s.options.Retry)
	switch {
	case err != nil:
		return t, err
	case !t.Status.Terminal():
		return t, fmt.Errorf("%w: task %s is still %s: a retry would run beside it", cli.ErrUsage, t.ID, t.Status)
	case t.Params == nil && !given:
		return t, fmt.Errorf("%w: the type %s hides the params of its tasks: give them anew, with --params", cli.ErrUsage, t.Type)
	}
	t.Labels = t.Labels.OrEmpty()
	return t, nil
}

// statusOf returns the exit status for what kept a task from being started.
func statusOf(err error) int {
	if errors.Is(err, cli.ErrUsage) || apiclient.IsRefusal(err) {
		return Usage
	}
	return Lost
}
