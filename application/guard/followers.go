package guard

import (
	"context"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

// Followers is an output.Followers for principals: each has its own streams follow what it
// may see. It is safe for concurrent use.
type Followers struct {
	followers output.Followers
	registry  connection.Registry
	tasks     task.Reader
	policy    access.Policy
}

var _ output.Followers = (*Followers)(nil)

// NewFollowers returns a guard of followers. registry has every stream, and tasks sees
// every task.
func NewFollowers(followers output.Followers, registry connection.Registry, tasks task.Reader, policy access.Policy) *Followers {
	return &Followers{followers: followers, registry: registry, tasks: tasks, policy: policy}
}

// Follow implements output.Followers: it needs stream and tasks:read, for a stream of the
// principal's own and a task that both it and the stream may see (rule A12).
func (g *Followers) Follow(ctx context.Context, id connection.RequestID, f output.Followed) error {
	c, p, err := g.own(ctx, id)
	if err != nil {
		return err
	}
	if err := g.policy.Allow(p, access.TasksRead, access.TaskKind{}); err != nil {
		return err
	}
	t, err := visible(ctx, g.tasks, g.policy, p, f.Task)
	if err != nil {
		return err
	}
	if !t.Audience.Includes(g.policy.Viewer(c.Principal)) {
		return task.ErrNotFound
	}
	return g.followers.Follow(ctx, id, f)
}

// Unfollow implements output.Followers: it needs stream, for a stream of the principal's own.
func (g *Followers) Unfollow(ctx context.Context, id connection.RequestID, t task.ID) error {
	if _, _, err := g.own(ctx, id); err != nil {
		return err
	}
	return g.followers.Unfollow(ctx, id, t)
}

// own returns the connection of a request_id if it is the principal's. One that is not is
// not there (rule A9). Errors: connection.ErrNotFound, connection.ErrUnavailable,
// *access.ForbiddenError.
func (g *Followers) own(ctx context.Context, id connection.RequestID) (connection.Connection, *access.Principal, error) {
	p, err := permit(ctx, g.policy, access.Stream, access.TaskKind{})
	if err != nil {
		return connection.Connection{}, nil, err
	}
	c, err := g.registry.ByRequestID(ctx, id)
	if err == nil && (c.Principal == nil || c.Principal.Subject != p.Subject) {
		err = connection.ErrNotFound
	}
	return c, p, err
}
