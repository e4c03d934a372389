package runner

import (
	"context"
	"io"

	"heliograph/domain/task"
)

// Outputs makes what handlers print to (rule T21).
type Outputs interface {
	// Open returns what the handler of a task prints to, until over is closed. Close
	// returns when all of it is stored, or is given up.
	Open(ctx context.Context, id task.ID, over <-chan struct{}) io.WriteCloser
}

// withOutput calls the handler with what it prints to. What it has printed is stored when
// it has returned, so before the end of the task is.
func (p *Pool) withOutput(ctx context.Context, a *Attempt, run func(context.Context)) {
	if p.Outputs == nil {
		run(ctx)
		return
	}
	w := p.Outputs.Open(ctx, a.ID, a.over)
	defer func() { _ = w.Close() }() // it has logged what it lost
	run(task.WithOutput(ctx, w))
}
