// Command noop is the service with two more types of tasks: "noop" returns its params,
// and "idle" waits for a worker that never comes. It is configured like heliograph.
package main

import (
	"context"
	"encoding/json"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/task"
	"heliograph/test/bench/servers/service"
)

func main() {
	service.Run("noop", fx.Provide(
		fx.Annotate(func() task.Type { return task.Type{Name: "noop", Handler: echo{}} }, fx.ResultTags(bootstrap.TaskTypes)),
		fx.Annotate(func() task.Type { return task.Type{Name: "idle", Handler: echo{}, Outside: true} }, fx.ResultTags(bootstrap.TaskTypes)),
	))
}

// echo returns the params at once.
type echo struct{}

func (echo) Check(json.RawMessage) error { return nil }

func (echo) Run(_ context.Context, params json.RawMessage, _ task.Reporter) (json.RawMessage, error) {
	return params, nil
}
