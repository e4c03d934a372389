// Package demotasks implements task.Handler in Go, three times: tasks that only
// pretend to work, for trying the product out and for the end-to-end tests of
// frontends (the http-api specification has their params and what they report).
//
// The bounds of the params are more than a demonstration needs, and little
// enough that no caller keeps a worker busy for a day or floods browsers with
// events.
package demotasks

import (
	"context"
	"errors"
	"time"

	"heliograph/adapters/internal/typedtask"
	"heliograph/domain/task"
)

// Types returns the demonstration tasks. An error is a broken build.
func Types() ([]task.Type, error) {
	demo, err1 := typedtask.New("demo_task", "Goes through a number of steps and succeeds.", demo)
	failing, err2 := typedtask.New("failing_task", "Waits and then fails with a given message.", failing)
	long, err3 := typedtask.New("long_running_task", "Runs for a given time and reports how much of it has passed.", longRunning)
	types := []task.Type{demo, failing, long}
	for i := range types {
		types[i].Runner = task.RunnerDemo
	}
	return types, errors.Join(err1, err2, err3)
}

// seconds is a duration as callers write it.
type seconds float64

func (s seconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// wait returns after d, or with the cause when ctx ends before.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return context.Cause(ctx)
}
