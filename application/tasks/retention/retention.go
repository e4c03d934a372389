// Package retention removes finished tasks that are not to be kept any longer (rule
// T9).
package retention

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"heliograph/domain/task"
)

// sweeps is how often the cleaner looks in the shortest time for which a task is
// kept: one stays at most a tenth longer than it must. So much may also be there above
// the bounds.
const sweeps = 10

// Cleaner removes finished tasks. It is safe for concurrent use.
type Cleaner struct {
	store   task.Store
	rules   atomic.Pointer[task.Retention]
	trigger *sweepTrigger
	changed chan struct{} // full when the rules have changed since Serve looked
	log     *slog.Logger
}

// New returns a cleaner of the store, by the rules and by what the types say of their
// own tasks.
func New(store task.Store, rules task.Retention, types []task.Type, log *slog.Logger) *Cleaner {
	c := &Cleaner{store: store, trigger: newSweepTrigger(rules), changed: make(chan struct{}, 1), log: log}
	c.rules.Store(&rules)
	c.SetTypes(types)
	return c
}

// SetTypes has the cleaner go by what these types say of their own tasks. Those of a type
// that is not among them are kept for as long as it said last. One call may run at a time.
func (c *Cleaner) SetTypes(types []task.Type) {
	rules := *c.rules.Load()
	ages := make(map[string]time.Duration, len(rules.AgeOf))
	maps.Copy(ages, rules.AgeOf)
	for _, typ := range types {
		delete(ages, typ.Name)
		if typ.Policy.Keep > 0 {
			ages[typ.Name] = typ.Policy.Keep
		}
	}
	rules.AgeOf = ages
	c.rules.Store(&rules)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Ended counts a task that has ended: when there are many, the cleaner comes before
// its time.
func (c *Cleaner) Ended(t task.Task) { c.trigger.add(t) }

// Serve removes tasks until stop is closed.
func (c *Cleaner) Serve(ctx context.Context, stop <-chan struct{}) {
	ticks := time.NewTicker(c.interval())
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-c.changed:
			ticks.Reset(c.interval())
			continue
		case <-c.trigger.full:
		case <-stop:
			return
		}
		c.sweep(ctx)
	}
}

// interval is the time from one sweep to the next.
func (c *Cleaner) interval() time.Duration {
	shortest := c.rules.Load().Age
	for _, age := range c.rules.Load().AgeOf {
		shortest = min(shortest, age)
	}
	return max(shortest/sweeps, time.Millisecond)
}

// sweep removes every finished task that is not to be kept. What it costs depends on
// how many those are.
func (c *Cleaner) sweep(ctx context.Context) {
	c.trigger.reset()
	expired, err := c.store.Expired(ctx, *c.rules.Load())
	if err != nil {
		c.log.WarnContext(ctx, "finished tasks could not be looked up", slog.Any("error", err))
		return
	}
	for _, t := range expired {
		err := c.store.Delete(ctx, t)
		if err != nil && !errors.Is(err, task.ErrNotFound) { // another call was faster
			c.log.WarnContext(ctx, "finished task could not be removed", slog.String("task_id", string(t.ID)), slog.Any("error", err))
		}
	}
}
