package task

import (
	"cmp"
	"time"
)

//go:generate go tool mockgen -typed -source=figures.go -destination=../../test/mocks/figures.go -package=mocks -mock_names=Overview=MockTaskOverview

// Runner says what runs the tasks of a type.
type Runner string

// The runners.
const (
	RunnerWorker  Runner = "worker"  // workers outside
	RunnerCommand Runner = "command" // commands of TASKS_FILE
	RunnerGo      Runner = "go"      // handlers that were compiled in
	RunnerDemo    Runner = "demo"    // those for trying things out
)

// RunBy is what runs tasks of the type.
func (t Type) RunBy() Runner {
	if t.Outside {
		return RunnerWorker
	}
	return cmp.Or(t.Runner, RunnerGo)
}

// QueueFigures is what one node knows of its queue. All nodes of a cluster know of all tasks
// that wait; the other figures are the node's own.
type QueueFigures struct {
	Waiting   int // in the queue, of all types
	Limit     int // of each type that may wait
	Scheduled int // for their time (rule T19)
	// ScheduledLimit is how many of these there may be.
	ScheduledLimit int
	Running        int    // that the node follows, in its pool or outside
	Workers        int    // of its pool
	Refused        uint64 // starts that found no place, since the node was started
}

// TypeFigures is what one node knows of a type that can be started.
type TypeFigures struct {
	Type  string
	RunBy Runner
	// Waiting is how many tasks wait in the queue, which all nodes know, and Running how many
	// this one follows.
	Waiting, Running int
	// ClaimsWaiting is how many claims of workers outside wait here for a task of the type, and
	// Claimed when the last one began or ended to; zero if there was none since the start.
	ClaimsWaiting int
	Claimed       time.Time
}

// LeaseSign is the newest sign of a worker outside that runs a task.
type LeaseSign struct {
	Last time.Time     // by the clock of the node that follows it
	Term time.Duration // after which the lease is lost without another
}

// Overview is the driving port to how tasks wait and run on this node, for operators. It is
// safe for concurrent use, and does not wait.
type Overview interface {
	// Queue returns the figures of the queue.
	Queue() QueueFigures
	// Types returns those of each type that can be started, by name.
	Types() []TypeFigures
	// Sign returns the newest sign of the worker of a task that this node follows; false if
	// there is no such task.
	Sign(id ID) (LeaseSign, bool)
}
