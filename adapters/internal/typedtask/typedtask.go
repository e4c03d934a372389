// Package typedtask makes task types of Go functions; gotasks is its face for
// programs outside the adapters, which cannot import it.
package typedtask

import (
	"context"
	"encoding/json"
	"fmt"

	"heliograph/adapters/internal/params"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// Run is what a task of a type does. P is a struct of its params, R its result.
type Run[P, R any] = func(ctx context.Context, p P, report task.Reporter) (R, error)

// New is gotasks.New.
func New[P, R any](name, description string, run Run[P, R]) (task.Type, error) {
	object, err := schemaOf[P]()
	if err != nil {
		return task.Type{}, fmt.Errorf("task type %q: %w", name, err)
	}
	schema, err := params.New(object)
	if err != nil {
		return task.Type{}, fmt.Errorf("task type %q: %w", name, err)
	}
	return task.Type{
		Name: name, Description: description, ParamsSchema: schema.JSON(), ResultSchema: resultSchema[R](),
		Handler: handler[P, R]{schema, run},
	}, nil
}

type handler[P, R any] struct {
	schema *params.Schema
	run    Run[P, R]
}

var _ task.Handler = handler[struct{}, any]{}

// Check implements task.Handler.
func (h handler[P, R]) Check(given json.RawMessage) error {
	_, err := h.read(given)
	return err
}

// Run implements task.Handler.
func (h handler[P, R]) Run(ctx context.Context, given json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	p, err := h.read(given)
	if err != nil {
		return nil, err
	}
	result, err := h.run(ctx, p, report)
	if err != nil {
		return nil, err
	}
	return event.Marshal(result)
}

// read takes the way over what the schema made of the params: it has checked
// them and knows the defaults.
func (h handler[P, R]) read(given json.RawMessage) (p P, err error) {
	values, err := h.schema.Read(given)
	if err != nil {
		return p, err
	}
	text, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil { // what the schema cannot say: a type's own UnmarshalJSON, a number that does not fit
		return p, fmt.Errorf("%w: %w", task.ErrInvalidParams, err)
	}
	return p, nil
}
