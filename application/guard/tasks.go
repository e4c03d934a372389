package guard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Tasks is a task.Service for principals. It is safe for concurrent use.
type Tasks struct {
	tasks  task.Service
	reader task.Reader
	types  Types
	policy access.Policy
}

var _ task.Service = (*Tasks)(nil)

// NewTasks returns a guard of tasks, whose types these are. reader sees every task.
func NewTasks(tasks task.Service, reader task.Reader, types Types, policy access.Policy) *Tasks {
	return &Tasks{tasks: tasks, reader: reader, types: types, policy: policy}
}

// Start implements task.Service: it needs tasks:start, and what the type asks for. The
// principal becomes the task's owner, and the policy decides on its audience (rule A11).
// If the caller is to be the task's worker it needs tasks:work as well (rule T20).
func (g *Tasks) Start(ctx context.Context, r task.Request) (task.Task, error) {
	typ, known := g.types(r.Type)
	if !known {
		typ.Name = r.Type
	}
	p, err := permitAll(ctx, g.policy, access.TasksStart, typ.Kind())
	if err != nil {
		return task.Task{}, err
	}
	if r.Claim {
		if err := g.policy.Allow(p, access.TasksWork, access.TaskKind{Type: r.Type}); err != nil {
			return task.Task{}, err
		}
		r.Worker = cmp.Or(r.Worker, workerName(p))
	}
	audience, err := g.audience(p, r, typ)
	if err != nil {
		return task.Task{}, err
	}
	r.Owner, r.Audience = p.Subject, access.Choice{Given: true, Audience: audience}
	t, err := g.tasks.Start(ctx, r)
	if err == nil && r.Followed && !t.Audience.Includes(access.Viewer{Subject: access.TaskSubject + string(t.ID), Single: true}) {
		return task.Task{}, fmt.Errorf("%w: the task was started with this key before, and not to be followed", access.ErrInvalidAudience)
	}
	return t, err
}

// audience returns whom the task is for. Errors: *access.ForbiddenError,
// access.ErrInvalidAudience.
func (g *Tasks) audience(p *access.Principal, r task.Request, typ task.Type) (*access.Audience, error) {
	if asked := r.Audience.Audience; asked != nil && slices.ContainsFunc(asked.Subjects, isOfOneTask) {
		return nil, fmt.Errorf("%w: %q begins the subjects of tokens for one task, which see no other", access.ErrInvalidAudience, access.TaskSubject)
	}
	if r.Followed {
		if err := g.policy.Allow(p, access.AudienceAny, access.TaskKind{}); err != nil {
			return nil, err
		}
	}
	audience, err := g.policy.Audience(p, r.Audience, typ.Audience)
	if err == nil && audience == nil && r.Followed {
		return nil, fmt.Errorf("%w: every stream sees a task that is for everyone, so it needs no token to be followed", access.ErrInvalidAudience)
	}
	return audience, err
}

func isOfOneTask(subject string) bool { return strings.HasPrefix(subject, access.TaskSubject) }

// Cancel implements task.Service: it needs tasks:cancel, for a task that the principal
// may see.
func (g *Tasks) Cancel(ctx context.Context, id task.ID) (task.Task, error) {
	p, err := permit(ctx, g.policy, access.TasksCancel, access.TaskKind{})
	if err != nil {
		return task.Task{}, err
	}
	if _, err = visible(ctx, g.reader, g.policy, p, id); err != nil {
		return task.Task{}, err
	}
	return g.tasks.Cancel(ctx, id)
}

// CancelAll implements task.Service: it needs tasks:cancel, and cancels what the principal
// may see.
func (g *Tasks) CancelAll(ctx context.Context, q task.Query) (cancelled int, err error) {
	p, err := permitAll(ctx, g.policy, access.TasksCancel, access.TaskKind{})
	if err != nil {
		return 0, err
	}
	q.Viewer = new(g.policy.Viewer(p))
	return g.tasks.CancelAll(ctx, q)
}

// Remove implements task.Service: it needs tasks:cancel, for a task that the principal
// may see.
func (g *Tasks) Remove(ctx context.Context, id task.ID) error {
	p, err := permitAll(ctx, g.policy, access.TasksCancel, access.TaskKind{})
	if err != nil {
		return err
	}
	if _, err = visible(ctx, g.reader, g.policy, p, id); err != nil {
		return err
	}
	return g.tasks.Remove(ctx, id)
}
