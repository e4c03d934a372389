package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/inbound/ginapi"
)

var errDraining = errors.New("the service is shutting down")

// readinessInterval is how often the checks are made when nobody asks for them, so that it is
// known since when they say what they say.
const readinessInterval = time.Second

// readiness says whether the service can be used, by dependency. What runs in
// this process shares its fate, so its entries are there for operators who look for
// them by name. An external gateway is not among them: its callbacks need us
// whether or not we reach it, and each would wait for the other.
type readiness struct {
	draining atomic.Bool
	checks   map[string]func() error // by what they check

	mu    sync.Mutex
	found map[string]ginapi.Check // by name, as it was last; guarded by mu
}

type readinessParts struct {
	fx.In

	Components []component `group:"components"`
}

func newReadiness(p readinessParts) *readiness {
	r := &readiness{checks: make(map[string]func() error), found: make(map[string]ginapi.Check)}
	r.checks["service"] = r.serving
	for _, c := range p.Components {
		if c.Check != nil {
			r.checks[c.Name] = c.Check
		}
	}
	r.look()
	return r
}

// healthy is the check of what runs in this process.
func healthy() error { return nil }

// fail makes the service unready for good.
func (r *readiness) fail() { r.draining.Store(true) }

func (r *readiness) serving() error {
	if r.draining.Load() {
		return errDraining
	}
	return nil
}

// check returns what is wrong with each dependency, nil for nothing.
func (r *readiness) check(context.Context) map[string]error {
	checks := make(map[string]error, len(r.checks))
	for _, c := range r.look() {
		checks[c.Name] = c.Err
	}
	return checks
}

// ready reports whether nothing is wrong.
func (r *readiness) ready() bool {
	return !slices.ContainsFunc(r.look(), func(c ginapi.Check) bool { return c.Err != nil })
}

// look makes all checks and returns what they found, by name, with since when each is right,
// or wrong for whatever reason.
func (r *readiness) look() (all []ginapi.Check) {
	for name, check := range r.checks {
		all = append(all, ginapi.Check{Name: name, Err: check()})
	}
	slices.SortFunc(all, func(a, b ginapi.Check) int { return cmp.Compare(a.Name, b.Name) })
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range all {
		c := &all[i]
		c.Since = now
		if before, known := r.found[c.Name]; known && (before.Err == nil) == (c.Err == nil) {
			c.Since = before.Since
		}
		r.found[c.Name] = *c
	}
	return all
}

// watch makes the checks now and then until ctx ends, which is no error.
func (r *readiness) watch(ctx context.Context) error {
	ticks := time.NewTicker(readinessInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			r.look()
		case <-ctx.Done():
			return nil
		}
	}
}
