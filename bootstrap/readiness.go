package bootstrap

import (
	"context"
	"errors"
	"sync/atomic"
)

var errDraining = errors.New("the service is shutting down")

// readiness says whether the service can be used, by dependency. What runs in
// this process shares its fate, so its entries are there for those who look for
// them by name. An external gateway is not among them: its callbacks need us
// whether or not we reach it, and each would wait for the other.
type readiness struct {
	draining atomic.Bool
	broker   func() error
	inside   []string
}

func newReadiness(cfg Config, broker brokerEnd) *readiness {
	r := &readiness{broker: broker.check}
	if cfg.Gateway.Kind == GatewayEmbedded {
		r.inside = append(r.inside, "gateway")
	}
	return r
}

// fail makes the service unready for good.
func (r *readiness) fail() { r.draining.Store(true) }

// check returns what is wrong with each dependency, nil for nothing.
func (r *readiness) check(context.Context) map[string]error {
	checks := map[string]error{"service": nil, "broker": r.broker()}
	if r.draining.Load() {
		checks["service"] = errDraining
	}
	for _, name := range r.inside {
		checks[name] = nil
	}
	return checks
}
