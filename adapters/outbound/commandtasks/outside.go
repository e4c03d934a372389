package commandtasks

import (
	"context"
	"encoding/json"
	"errors"

	"heliograph/adapters/internal/params"
	"heliograph/domain/task"
)

// outside is the Handler of a type whose workers are elsewhere.
type outside struct{ *params.Schema }

var _ task.Handler = outside{}

// Check implements task.Handler.
func (o outside) Check(given json.RawMessage) error {
	_, err := o.Read(given)
	return err
}

// Run implements task.Handler. It is never called.
func (o outside) Run(context.Context, json.RawMessage, task.Reporter) (json.RawMessage, error) {
	return nil, errors.New("the task is one for a worker outside")
}
