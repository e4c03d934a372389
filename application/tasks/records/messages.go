package records

import (
	"cmp"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// What users read of a task that the service has ended, or whose handler misbehaved.
// Clients may look for the words before a colon: those stay as they are.

// NodeLost is for a task whose node is gone.
func NodeLost(node string) task.Failure {
	return task.Failure{Error: "node_lost: the node that ran the task is gone: " + node, Code: task.CodeNodeLost}
}

// WorkerLost is for a task whose worker has not reported for the term of its lease; it may have no name.
func WorkerLost(worker string, term time.Duration) task.Failure {
	return task.Failure{Error: fmt.Sprintf("worker_lost: %s did not report for %s", cmp.Or(worker, "it"), term), Code: task.CodeWorkerLost}
}

// WorkerRevoked is for a task whose worker may not work any more (rule A18).
func WorkerRevoked() task.Failure {
	return task.Failure{Error: "worker_lost: its credential was revoked", Code: task.CodeWorkerLost}
}

// Abandoned is for a task that went on after it was asked to stop.
func Abandoned(why string) task.Failure {
	return task.Failure{Error: "the task was abandoned: " + why, Code: task.CodeAbandoned}
}

// OverTimeLimit is for a task that ran for longer than its limit (rule T8).
func OverTimeLimit(limit time.Duration) task.Failure {
	return task.Failure{Error: fmt.Sprintf("%s of %s", task.ErrTimeLimit, limit), Code: task.CodeTimeLimit}
}

// Panicked is for a task that panicked (rule T6); line is the first of what it
// panicked with.
func Panicked(line string) task.Failure {
	return task.Failure{Error: "the task panicked: " + line, Code: task.CodePanic}
}

// LeftGoroutine is for a task whose handler ended its goroutine.
func LeftGoroutine() task.Failure {
	return task.Failure{Error: "the task ended its goroutine instead of returning", Code: task.CodePanic}
}

// TypeGone is for a task whose type the service has no longer.
func TypeGone(typ string) task.Failure {
	return task.Failure{Error: fmt.Sprintf("%s: the service has none of the name %q any more", task.ErrUnknownType, typ), Code: task.CodeUnknownType}
}

func resultTooLarge(bytes int) task.Failure {
	return task.Failure{
		Error: fmt.Sprintf("the result has %d bytes; with the params that is more than can be stored", bytes), Code: task.CodeResultTooLarge,
	}
}

const (
	noReason = "the task failed and did not say why"
	notUTF8  = "the task returned a result that is not UTF-8"
	notJSON  = "the task returned a result that is not JSON: "
)
