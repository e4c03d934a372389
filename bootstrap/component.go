package bootstrap

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"go.uber.org/fx"
)

// component is a part of the service with a life of its own. What a component does not
// need is nil. lifecycle.go says when the phases come.
type component struct {
	Name  string
	Phase phase
	// Start is called once, when it is the phase's turn at the start, before any of the
	// phase serves.
	Start func(context.Context) error
	// Serve runs in a goroutine until its context ends, which is no error.
	// Any other end stops the service.
	Serve func(context.Context) error
	// Drain has it take nothing new from now on. It does not wait.
	Drain func()
	// Stop is called once, when it is the phase's turn at the end. Its context ends with
	// the shutdown's grace.
	Stop func(context.Context) error
	// Check returns what is wrong, for readiness, under the component's name.
	Check func() error
}

// phase is when a component has its turn.
type phase int

// The phases.
const (
	phaseCluster     phase = iota // this node is one of the cluster
	phaseConnections              // the connections, and their observers
	phaseGateway                  // carries events to streams
	phaseBroker                   // brings what the broker holds to this process
	phaseLog                      // this process has all that the log holds
	phaseTasks                    // tasks run
	phaseTakeover                 // of what other nodes have left
	phaseSources                  // make events by themselves
	phaseProcess                  // the process itself
	phaseResumePoint              // how far the streams have come is noted
)

// components is the tag of the group that all of them are in.
const components = `group:"components"`

// provideComponents adds what constructors return, of type []component, to the group.
func provideComponents(constructors ...any) fx.Option {
	var all []fx.Option
	for _, constructor := range constructors {
		all = append(all, fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"components,flatten"`))))
	}
	return fx.Options(all...)
}

// inOrder sorts by phase, and within one by name.
func inOrder(all []component) []component {
	return slices.SortedFunc(slices.Values(all), func(a, b component) int {
		return cmp.Or(cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Name, b.Name))
	})
}

// inPhase yields those of a phase.
func inPhase(all []component, p phase) iter.Seq[component] {
	return func(yield func(component) bool) {
		for _, c := range all {
			if c.Phase == p && !yield(c) {
				return
			}
		}
	}
}
