package tasks

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"heliograph/application/tasks/retention"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

// types holds the types of tasks that can be started, or could before. It is safe for concurrent use.
type types struct {
	queue     *scheduler.Queue
	cleaner   *retention.Cleaner
	startable atomic.Pointer[[]task.Type] // by name
	mu        sync.Mutex                  // one call of SetTypes at a time
}

// newTypes returns types that are sorted, which the queue and the cleaner have already.
func newTypes(sorted []task.Type, queue *scheduler.Queue, cleaner *retention.Cleaner) *types {
	t := &types{queue: queue, cleaner: cleaner}
	t.startable.Store(&sorted)
	return t
}

// sortTypes returns all by name. It fails if one of them is not valid.
func sortTypes(all []task.Type) ([]task.Type, error) {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b task.Type) int { return cmp.Compare(a.Name, b.Name) })
	for i, typ := range sorted {
		if typ.Name == "" || typ.Handler == nil {
			return nil, fmt.Errorf("task type %q needs a name and a handler", typ.Name)
		}
		if i > 0 && sorted[i-1].Name == typ.Name {
			return nil, fmt.Errorf("task type %q is there twice", typ.Name)
		}
		if err := typ.Policy.Check(); err != nil {
			return nil, fmt.Errorf("task type %q: %w", typ.Name, err)
		}
	}
	return sorted, nil
}

// SetTypes makes the given types what can be started from now on. Attempts that are under way go on
// by the type that they began with; tasks that wait begin by the new one. Of a type that is
// gone none can be started; those that were are run to their end by what it was last, until
// the service is restarted. After an error nothing has changed. Errors: as New's, and that
// a type of workers outside becomes another one or the other way round, for which a restart
// is needed.
func (t *types) SetTypes(all []task.Type) error {
	sorted, err := sortTypes(all)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, typ := range sorted {
		if known := t.queue.Type(typ.Name); known != nil && known.Outside != typ.Outside {
			return fmt.Errorf("task type %q: who runs its tasks, the service or workers elsewhere, changes only with a restart", typ.Name)
		}
	}
	t.cleaner.SetTypes(sorted)
	t.queue.SetTypes(sorted)
	t.startable.Store(&sorted)
	return nil
}

// Startable returns the type of that name, if its tasks can be started.
func (t *types) Startable(name string) (typ task.Type, ok bool) {
	all := *t.startable.Load()
	i := slices.IndexFunc(all, func(typ task.Type) bool { return typ.Name == name })
	if i < 0 {
		return task.Type{}, false
	}
	return all[i], true
}

// Known is Startable also for a type whose tasks could be started before.
func (t *types) Known(name string) (typ task.Type, ok bool) {
	if known := t.queue.Type(name); known != nil {
		return *known, true
	}
	return task.Type{}, false
}
