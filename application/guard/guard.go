// Package guard has a decorator for each driving port that inbound adapters call when
// authentication is required: it asks the access.Policy whether the principal of the
// context may make the call, and refuses a context without a principal.
//
// What is inside the application, such as the cleaner and the snapshots, calls the
// ports beneath the decorators.
package guard

import (
	"context"
	"errors"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// permit returns the principal of ctx if it may do what the scope is for. Errors:
// access.ErrNoCredential, *access.ForbiddenError.
func permit(ctx context.Context, policy access.Policy, need access.Scope, kind access.TaskKind) (*access.Principal, error) {
	p := access.FromContext(ctx)
	if p == nil {
		return nil, access.ErrNoCredential
	}
	if err := policy.Allow(p, need, kind); err != nil {
		return nil, err
	}
	return p, nil
}

// permitAll is permit for what is not about a single task, which the holder of a token
// for one task may not do, whatever its scopes.
func permitAll(ctx context.Context, policy access.Policy, need access.Scope, kind access.TaskKind) (*access.Principal, error) {
	p, err := permit(ctx, policy, need, kind)
	if err == nil && p.TaskID != "" {
		return nil, &access.ForbiddenError{Reason: "the credential is for reading or cancelling one task"}
	}
	return p, err
}

// visible returns a task that p may see. One that it may not see is not there: both are
// the same error (rule A9). Errors: task.ErrNotFound, those of the store.
func visible(ctx context.Context, tasks task.Reader, policy access.Policy, p *access.Principal, id task.ID) (task.Task, error) {
	if p.TaskID != "" && p.TaskID != string(id) {
		return task.Task{}, task.ErrNotFound
	}
	t, err := tasks.Get(ctx, id)
	switch {
	case errors.Is(err, task.ErrNotFound):
		return task.Task{}, task.ErrNotFound // without what else the store says
	case err != nil:
		return task.Task{}, err
	case !t.Audience.Includes(policy.Viewer(p)):
		return task.Task{}, task.ErrNotFound
	}
	return t, nil
}

// Types returns the type of a name; ok is false if there is none.
type Types func(name string) (typ task.Type, ok bool)
