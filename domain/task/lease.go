package task

import "time"

// Lease names one attempt at a task: an opaque, unguessable token, new for each.
// Every change of a running task must carry it.
type Lease string

// Claim is a task that a worker outside has to run now.
type Claim struct {
	Task  Task
	Lease Lease
	// Term is how long the worker may go without a report before the lease is lost.
	Term time.Duration
}
