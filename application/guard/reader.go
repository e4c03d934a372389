package guard

import (
	"context"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Reader is a task.Reader for principals: each sees its own tasks and those that are for
// everyone (rule A12). It is safe for concurrent use.
type Reader struct {
	reader task.Reader
	policy access.Policy
}

var _ task.Reader = (*Reader)(nil)

// NewReader returns a guard of reader.
func NewReader(reader task.Reader, policy access.Policy) *Reader {
	return &Reader{reader: reader, policy: policy}
}

// Get implements task.Reader: it needs tasks:read.
func (g *Reader) Get(ctx context.Context, id task.ID) (task.Task, error) {
	p, err := permit(ctx, g.policy, access.TasksRead, access.TaskKind{})
	if err != nil {
		return task.Task{}, err
	}
	return visible(ctx, g.reader, g.policy, p, id)
}

// List implements task.Reader: it needs tasks:read. Whatever viewer q has, it is the
// principal.
func (g *Reader) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	p, err := permit(ctx, g.policy, access.TasksRead, access.TaskKind{})
	if err != nil {
		return nil, "", err
	}
	q.Viewer = new(g.policy.Viewer(p))
	return g.reader.List(ctx, q)
}

// Types implements task.Reader: it needs tasks:read, and shows all of them.
func (g *Reader) Types(ctx context.Context) ([]task.Type, error) {
	if _, err := permitAll(ctx, g.policy, access.TasksRead, access.TaskKind{}); err != nil {
		return nil, err
	}
	return g.reader.Types(ctx)
}
