// Package gotasks implements task.Handler with Go functions whose params and
// results are Go types.
//
// The code is in adapters/internal/typedtask, because demotasks needs it too and an
// adapter imports no other one; programs outside of adapters cannot import that.
package gotasks

import (
	"context"

	"heliograph/adapters/internal/typedtask"
	"heliograph/domain/task"
)

// New makes a task type of a function.
//
// P is a struct of the params. Its JSON Schema is derived, checks what callers
// send before anything runs, and is in the list of task types. A field is
// required unless its json tag says omitempty or omitzero, or it has a default;
// null is as good as not given, and a field that P does not have is refused. The
// tag jsonschema describes a field; default, minimum and maximum are what they
// say: default:"0.5" minimum:"0".
//
// R is anything that encoding/json can write. run is task.Handler's Run: it is
// called concurrently, stops soon when ctx ends, and keeps nothing of report.
// Set the Policy of the type that New returns where the service's defaults do
// not fit. Errors: P has no schema, or its tags contradict each other.
func New[P, R any](name, description string,
	run func(ctx context.Context, params P, report task.Reporter) (R, error),
) (task.Type, error) {
	return typedtask.New(name, description, run)
}
