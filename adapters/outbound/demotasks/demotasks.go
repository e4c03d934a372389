// Package demotasks implements task.Handler in Go, three times: tasks that only
// pretend to work, for trying the product out and for the end-to-end tests of
// frontends (the http-api specification has their params and what they report).
package demotasks

import (
	"context"
	"encoding/json"
	"time"

	"heliograph/domain/task"
)

// Types returns the demonstration tasks.
func Types() []task.Type {
	return []task.Type{
		{
			Name: "demo_task", Handler: handler{newDemo},
			Description:  "Goes through a number of steps and succeeds.",
			ParamsSchema: demoSchema,
		},
		{
			Name: "failing_task", Handler: handler{newFailing},
			Description:  "Waits and then fails with a given message.",
			ParamsSchema: failingSchema,
		},
		{
			Name: "long_running_task", Handler: handler{newLongRunning},
			Description:  "Runs for a given time and reports how much of it has passed.",
			ParamsSchema: longRunningSchema,
		},
	}
}

// work is a task's params, which know what to do.
type work interface {
	// check says what is wrong with the params, or nil.
	check() error
	// run is task.Handler's Run.
	run(ctx context.Context, report task.Reporter) (json.RawMessage, error)
}

// handler is the task.Handler of one kind of work.
type handler struct {
	defaults func() work // a pointer to decode params into
}

var _ task.Handler = handler{}

// Check implements task.Handler.
func (h handler) Check(params json.RawMessage) error {
	_, err := h.decode(params)
	return err
}

// Run implements task.Handler.
func (h handler) Run(ctx context.Context, params json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	w, err := h.decode(params)
	if err != nil {
		return nil, err
	}
	return w.run(ctx, report)
}

// wait returns after d, or with the cause when ctx ends before.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return context.Cause(ctx)
}
