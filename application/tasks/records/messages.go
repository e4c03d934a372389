package records

import (
	"fmt"
	"time"

	"heliograph/domain/task"
)

// What users read of a task that the service has ended, or whose handler misbehaved.
// Clients may look for the words before a colon: those stay as they are.

// NodeLost is for a task whose node is gone.
const NodeLost = "node_lost: the node that ran the task is gone"

// WorkerLost is for a task whose worker has not reported for the term of its lease.
func WorkerLost(term time.Duration) string {
	return fmt.Sprintf("worker_lost: it did not report for %s", term)
}

// WorkerRevoked is for a task whose worker may not work any more (rule A18).
const WorkerRevoked = "worker_lost: its credential was revoked"

// Abandoned is for a task that went on after it was asked to stop.
func Abandoned(why string) string { return "the task was abandoned: " + why }

// OverTimeLimit is for a task that ran for longer than its limit (rule T8).
func OverTimeLimit(limit time.Duration) string {
	return fmt.Sprintf("%s of %s", task.ErrTimeLimit, limit)
}

// Panicked is for a task that panicked (rule T6); line is the first of what it
// panicked with.
func Panicked(line string) string { return "the task panicked: " + line }

// LeftGoroutine is for a task whose handler ended its goroutine.
const LeftGoroutine = "the task ended its goroutine instead of returning"

const (
	noReason = "the task failed and did not say why"
	notUTF8  = "the task returned a result that is not UTF-8"
	notJSON  = "the task returned a result that is not JSON: "
)
