package guard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Workers is a task.Workers for principals. It needs tasks:work, and a key that is for
// some types of tasks works on no others (rule A5). A worker sees no task but those that
// it has claimed, whatever their audience: the lease proves that. It is safe for
// concurrent use.
type Workers struct {
	workers task.Workers
	reader  task.Reader
	types   Types
	policy  access.Policy
}

var _ task.Workers = (*Workers)(nil)

// NewWorkers returns a guard of workers. types knows those that can be started, and those that could. reader sees
// every task.
func NewWorkers(workers task.Workers, reader task.Reader, types Types, policy access.Policy) *Workers {
	return &Workers{workers: workers, reader: reader, types: types, policy: policy}
}

// Claim implements task.Workers. It is refused if the principal may not work on one of
// the types.
func (g *Workers) Claim(ctx context.Context, types []string, worker string) (task.Claim, error) {
	p, err := permitAll(ctx, g.policy, access.TasksWork, access.TaskKind{})
	if err != nil {
		return task.Claim{}, err
	}
	for _, typ := range types {
		if err := g.policy.Allow(p, access.TasksWork, access.TaskKind{Type: typ}); err != nil {
			return task.Claim{}, err
		}
	}
	return g.workers.Claim(ctx, types, cmp.Or(worker, workerName(p)))
}

// workerName is the name of a worker that gives itself none: that of its API key, or else
// its subject.
func workerName(p *access.Principal) string { return strings.TrimPrefix(p.Subject, access.KeySubject) }

// Progress implements task.Workers.
func (g *Workers) Progress(ctx context.Context, id task.ID, lease task.Lease, u task.Update) (cancelRequested bool, err error) {
	err = g.leased(ctx, id, func() error {
		cancelRequested, err = g.workers.Progress(ctx, id, lease, u)
		return err
	})
	return cancelRequested, err
}

// Complete implements task.Workers.
func (g *Workers) Complete(ctx context.Context, id task.ID, lease task.Lease, result json.RawMessage) error {
	return g.leased(ctx, id, func() error { return g.workers.Complete(ctx, id, lease, result) })
}

// Fail implements task.Workers.
func (g *Workers) Fail(ctx context.Context, id task.ID, lease task.Lease, f task.Failure) error {
	return g.leased(ctx, id, func() error { return g.workers.Fail(ctx, id, lease, f) })
}

// Release implements task.Workers.
func (g *Workers) Release(ctx context.Context, id task.ID, lease task.Lease) error {
	return g.leased(ctx, id, func() error { return g.workers.Release(ctx, id, lease) })
}

// Get returns a task for a worker that shows its lease, which the caller compares: it needs
// tasks:work and not tasks:read, as a worker reads no other task. Errors: task.ErrNotFound
// for one that the principal could not have claimed, those of the store.
func (g *Workers) Get(ctx context.Context, id task.ID) (task.Task, error) {
	p, err := permitAll(ctx, g.policy, access.TasksWork, access.TaskKind{})
	if err != nil {
		return task.Task{}, err
	}
	return g.claimable(ctx, p, id)
}

// leased makes a call about a task that the principal has claimed. A task that it could
// not have claimed is not there (rule A9). So that a sign costs no look at the store, only
// a principal that is for some types is checked before the call: for others the lease
// is enough, unless it is refused.
func (g *Workers) leased(ctx context.Context, id task.ID, call func() error) error {
	p, err := permitAll(ctx, g.policy, access.TasksWork, access.TaskKind{})
	if err != nil {
		return err
	}
	if len(p.TaskTypes) > 0 {
		if _, err := g.claimable(ctx, p, id); err != nil {
			return err
		}
	}
	err = call()
	if errors.Is(err, task.ErrLeaseLost) {
		_, hidden := g.claimable(ctx, p, id)
		return cmp.Or(hidden, err)
	}
	if errors.Is(err, task.ErrNotFound) {
		return task.ErrNotFound // without what else it says
	}
	return err
}

// claimable returns the task if it is one that p may work on. Errors: task.ErrNotFound,
// those of the store.
func (g *Workers) claimable(ctx context.Context, p *access.Principal, id task.ID) (task.Task, error) {
	t, err := g.reader.Get(ctx, id)
	switch {
	case errors.Is(err, task.ErrNotFound):
		return task.Task{}, task.ErrNotFound // without what else it says
	case err != nil:
		return task.Task{}, err
	case !g.outside(t.Type) || g.policy.Allow(p, access.TasksWork, access.TaskKind{Type: t.Type}) != nil:
		return task.Task{}, task.ErrNotFound
	}
	return t, nil
}

func (g *Workers) outside(name string) bool {
	typ, _ := g.types(name)
	return typ.Outside
}
