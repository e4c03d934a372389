package task

import "context"

// Execution is what a handler can know of the task that it runs, beside the params.
type Execution struct {
	ID      ID
	Attempt int    // from 1
	Labels  Labels // nil for none; they must not be changed
	// Owner is the subject that started the task; "" while authentication is off.
	Owner string
}

// Execution returns what the handler of the attempt that t is in can know.
func (t Task) Execution() Execution {
	return Execution{ID: t.ID, Attempt: t.Attempt, Labels: t.Labels, Owner: t.Owner}
}

type executionKey struct{}

// NewContext returns ctx with what a handler can know of its task.
func NewContext(ctx context.Context, e Execution) context.Context {
	return context.WithValue(ctx, executionKey{}, e)
}

// FromContext returns what is known of the task that a handler runs. ctx is the one that
// Handler.Run was given, or one made of it; of any other ok is false.
func FromContext(ctx context.Context) (e Execution, ok bool) {
	e, ok = ctx.Value(executionKey{}).(Execution)
	return e, ok
}
