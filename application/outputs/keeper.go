package outputs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

const (
	// sweepInterval is how often outputs are looked for whose tasks are gone: of nodes
	// that were stopped before they could remove them, or more than removals holds.
	sweepInterval = 10 * time.Minute
	// firstSweep is how long after the start that is done first: a node that starts has
	// more urgent things to do.
	firstSweep = time.Minute
	// removals is how many tasks may wait for their output to be removed. Beyond that the
	// next sweep removes them.
	removals = 10_000
)

// Keeper removes the outputs of tasks that were removed. It is safe for concurrent use.
type Keeper struct {
	store   output.Store
	tasks   task.Store
	nodes   cluster.Nodes
	log     *slog.Logger
	removed chan task.ID
}

// NewKeeper returns a Keeper. It starts nothing.
func NewKeeper(store output.Store, tasks task.Store, nodes cluster.Nodes, log *slog.Logger) *Keeper {
	return &Keeper{store: store, tasks: tasks, nodes: nodes, log: log, removed: make(chan task.ID, removals)}
}

// Removed says that a task was removed. It does not wait.
func (k *Keeper) Removed(id task.ID) {
	select {
	case k.removed <- id:
	default:
	}
}

// Serve removes outputs until ctx ends, and returns nil.
func (k *Keeper) Serve(ctx context.Context) error {
	sweep := time.NewTimer(firstSweep)
	defer sweep.Stop()
	for {
		select {
		case id := <-k.removed:
			k.remove(ctx, id)
		case <-sweep.C:
			k.sweep(ctx)
			sweep.Reset(sweepInterval)
		case <-ctx.Done():
			return nil
		}
	}
}

func (k *Keeper) remove(ctx context.Context, id task.ID) {
	if err := k.store.Delete(ctx, id); err != nil && ctx.Err() == nil {
		k.log.WarnContext(ctx, "output of a removed task could not be removed yet", slog.String("task_id", string(id)), slog.Any("error", err))
	}
}

// sweep removes the outputs of all tasks that are not there, on one node of a cluster.
func (k *Keeper) sweep(ctx context.Context) {
	if !k.nodes.Leads() {
		return
	}
	ids, err := k.store.IDs(ctx)
	if err != nil && ctx.Err() == nil {
		k.log.WarnContext(ctx, "outputs of removed tasks could not be looked for", slog.Any("error", err))
	}
	for _, id := range ids {
		if _, err := k.tasks.Get(ctx, id); errors.Is(err, task.ErrNotFound) {
			k.remove(ctx, id)
		}
	}
}
