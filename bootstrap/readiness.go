package bootstrap

import (
	"context"
	"errors"
	"sync/atomic"

	"go.uber.org/fx"
)

var errDraining = errors.New("the service is shutting down")

// readiness says whether the service can be used, by dependency. What runs in
// this process shares its fate, so its entries are there for operators who look for
// them by name. An external gateway is not among them: its callbacks need us
// whether or not we reach it, and each would wait for the other.
type readiness struct {
	draining atomic.Bool
	checks   map[string]func() error // by what they check
}

type readinessParts struct {
	fx.In

	Components []component `group:"components"`
}

func newReadiness(p readinessParts) *readiness {
	r := &readiness{checks: make(map[string]func() error)}
	for _, c := range p.Components {
		if c.Check != nil {
			r.checks[c.Name] = c.Check
		}
	}
	return r
}

// healthy is the check of what runs in this process.
func healthy() error { return nil }

// fail makes the service unready for good.
func (r *readiness) fail() { r.draining.Store(true) }

// check returns what is wrong with each dependency, nil for nothing.
func (r *readiness) check(context.Context) map[string]error {
	checks := map[string]error{"service": nil}
	if r.draining.Load() {
		checks["service"] = errDraining
	}
	for name, check := range r.checks {
		checks[name] = check()
	}
	return checks
}
