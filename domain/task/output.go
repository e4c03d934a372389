package task

import (
	"context"
	"io"
)

type outputKey struct{}

// Output returns what a running task prints to: what is written there is appended to the
// task's output (rule T21), which those get that ask for it. ctx is the one that
// Handler.Run was given, or one made of it; of any other, what is written goes nowhere. It
// is safe for concurrent use, gathers what is written for some 50 ms, and waits only while
// the store is slower than the task for long. Writing fails once the task has ended.
func Output(ctx context.Context) io.Writer {
	if w, ok := ctx.Value(outputKey{}).(io.Writer); ok {
		return w
	}
	return io.Discard
}

// WithOutput returns ctx with what its task prints to.
func WithOutput(ctx context.Context, w io.Writer) context.Context {
	return context.WithValue(ctx, outputKey{}, w)
}
