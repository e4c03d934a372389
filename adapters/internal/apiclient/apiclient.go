// Package apiclient is a client of the service's own HTTP API: it starts tasks,
// asks for them, and follows one to its end. It is for programs that use a
// running service, such as "heliograph run".
package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"heliograph/adapters/http/paths"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

// ErrUnreachable says that the service did not answer, or with what is none of
// this API's answers.
var ErrUnreachable = errors.New("the service cannot be reached")

// errNoTask: the answer is JSON, but not one of this API.
var errNoTask = fmt.Errorf("%w: it answered without a task", ErrUnreachable)

// Error is an error that the service answered with.
type Error struct {
	Status  int    // of HTTP
	Code    string // for programs; "" if the answer had none
	Message string // for a person
}

// Error returns the message, and the code if there is one.
func (e *Error) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Message + " (" + e.Code + ")"
}

// IsRefusal reports whether err says that the service will not do what it was asked for,
// now or later: an answer with a status below 500.
func IsRefusal(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.Status < http.StatusInternalServerError
}

// Client speaks to one service. It is safe for concurrent use.
type Client struct{ service }

var errNoURL = errors.New("the service's address is not a URL such as http://localhost:8080")

// New returns a Client of the service at base, such as http://localhost:8080, which
// sends token as its credential; "" is none. It connects nowhere yet.
func New(base, token string, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errNoURL // which may hold a token
	}
	return &Client{service{base: strings.TrimRight(base, "/"), token: token, transport: transport}}, nil
}

// Types returns the JSON Schema of each type's params, by the type's name.
func (c *Client) Types(ctx context.Context) (map[string]json.RawMessage, error) {
	var answer struct {
		Types []struct {
			Type   string          `json:"type"`
			Schema json.RawMessage `json:"params_schema"`
		} `json:"task_types"`
	}
	if err := c.ask(ctx, http.MethodGet, paths.TaskTypes, nil, nil, &answer); err != nil {
		return nil, err
	}
	schemas := make(map[string]json.RawMessage, len(answer.Types))
	for _, t := range answer.Types {
		schemas[t.Type] = t.Schema
	}
	return schemas, nil
}

// DescribedType is what the service says of a task type. A schema may be missing or null.
type DescribedType struct {
	Type         string          `json:"type"`
	Description  string          `json:"description"`
	ParamsSchema json.RawMessage `json:"params_schema"`
	ResultSchema json.RawMessage `json:"result_schema"`
}

// DescribedTypes returns all task types, with the schemas of their results.
func (c *Client) DescribedTypes(ctx context.Context) ([]DescribedType, error) {
	var answer struct {
		Types *[]DescribedType `json:"task_types"`
	}
	if err := c.ask(ctx, http.MethodGet, paths.TaskTypes+"?include=result_schema", nil, nil, &answer); err != nil {
		return nil, err
	}
	if answer.Types == nil {
		return nil, fmt.Errorf("%w: it answered without task types", ErrUnreachable)
	}
	return *answer.Types, nil
}

// Start is what a task is started with. All but Type may be left out.
type Start struct {
	Type   string          `json:"type"`
	Params json.RawMessage `json:"params"`
	Labels task.Labels     `json:"labels,omitempty"`
	RunAt  string          `json:"run_at,omitempty"` // RFC 3339
	Delay  float64         `json:"delay,omitempty"`  // seconds
	Key    string          `json:"-"`                // Idempotency-Key
}

// Start starts a task and returns what is known of it; with a key that was used before
// that is the first one's task. Errors: *Error, ErrUnreachable.
func (c *Client) Start(ctx context.Context, what Start) (taskjson.Task, error) {
	body, err := json.Marshal(what)
	if err != nil {
		return taskjson.Task{}, fmt.Errorf("encode params: %w", err)
	}
	header := http.Header{}
	if what.Key != "" {
		header.Set("Idempotency-Key", what.Key)
	}
	t := taskjson.Task{Type: what.Type, Labels: what.Labels.OrEmpty()}
	err = c.ask(ctx, http.MethodPost, paths.Tasks, header, body, &t)
	if err == nil && t.ID == "" {
		err = errNoTask
	}
	return t, err
}

// Status returns what is known of a task. Errors: *Error, ErrUnreachable.
func (c *Client) Status(ctx context.Context, id task.ID) (taskjson.Task, error) {
	return c.status(ctx, id, "")
}

// StatusWithParams is Status with the params; there are none if the type hides them.
func (c *Client) StatusWithParams(ctx context.Context, id task.ID) (taskjson.Task, error) {
	return c.status(ctx, id, "?include=params")
}

func (c *Client) status(ctx context.Context, id task.ID, query string) (t taskjson.Task, err error) {
	err = c.ask(ctx, http.MethodGet, taskPath(id)+query, nil, nil, &t)
	if err == nil && t.ID != id {
		err = errNoTask
	}
	return t, err
}

// Cancel asks for a task's cancellation. Errors: *Error, with TASK_NOT_CANCELLABLE
// if it has ended; ErrUnreachable.
func (c *Client) Cancel(ctx context.Context, id task.ID) error {
	return c.ask(ctx, http.MethodPost, taskPath(id)+"/cancel", nil, nil, &struct{}{})
}

// Remove removes a task that has ended. Errors: *Error, with TASK_NOT_FINISHED if it has
// not; ErrUnreachable.
func (c *Client) Remove(ctx context.Context, id task.ID) error {
	return c.ask(ctx, http.MethodDelete, taskPath(id), nil, nil, &struct{}{})
}

func taskPath(id task.ID) string { return paths.Tasks + "/" + url.PathEscape(string(id)) }
