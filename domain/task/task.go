// Package task holds background tasks: their states, the events that announce
// them, and the ports to where they are kept and run (rules T of the
// specification).
package task

import (
	"encoding/json"
	"slices"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/cluster"
)

// ID names one task: a UUID.
type ID string

// Status is a task's state (rule T2).
type Status string

// The states. The last three are terminal: final, and never left.
const (
	Pending   Status = "pending"
	Running   Status = "running"
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Statuses returns all of them, in the order in which a task has them.
func Statuses() []Status { return []Status{Pending, Running, Completed, Failed, Cancelled} }

// Terminal reports whether s is final.
func (s Status) Terminal() bool { return s == Completed || s == Failed || s == Cancelled }

// Valid reports whether s is one of the states.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// CanBecome reports whether rule T2 has a transition from s to next.
func (s Status) CanBecome(next Status) bool {
	switch s {
	case Pending:
		return next == Running || next == Cancelled
	case Running:
		return next.Terminal() || next == Pending // pending again: its worker is lost, or gave it back
	default:
		return false
	}
}

// Task is what is known of one task. It is a value; its slices must not be changed
// in place.
type Task struct {
	ID     ID
	Type   string
	Params json.RawMessage
	Labels Labels
	// IdempotencyKey is the key that the task was started with, or "" (rule T14).
	IdempotencyKey string
	// Owner is the subject that started the task; "" if authentication was off.
	Owner string
	// Audience is whom the task is for, and never changes; nil is everyone (rule A11).
	Audience *access.Audience

	Status          Status
	CancelRequested bool
	// Created, Started and Ended are in UTC; the zero time until it happened.
	// Started is when the last attempt was begun.
	Created, Started, Ended time.Time
	// Result is what a completed task returned; nil is null.
	Result json.RawMessage
	// Error is what a failed task says, for a person, and ErrorCode for a program (see
	// Failure), and of one that waits for its next attempt what the last one said; ""
	// otherwise. What a former version recorded has no code.
	Error, ErrorCode string

	Progress Progress
	// Seq is that of the task's newest event; 0 before the first (rule T3).
	Seq uint64
	// CancelSeq is that of its task_cancel_requested; 0 before that.
	CancelSeq uint64
	// Attempt counts the times that the task was begun, from 1; that of a pending
	// task is the one to come.
	Attempt int
	// Lease names the attempt that runs, that ended the task, or that has failed while the
	// task waits for the next one; "" otherwise, and if the end was decided without what ran
	// it.
	Lease Lease
	// LeasedToStarter says that the call which started the task has the lease of the attempt
	// that runs (rule T20).
	LeasedToStarter bool
	// Node is the run of a node that owns a running task; of one whose final event is
	// pending or that is Removed, the run of the node that is to publish its last event.
	Node cluster.Life
	// OwnerGeneration grows whenever another node takes the attempt over.
	// With Lease it says which node may change the record: a change with an older one is
	// refused.
	OwnerGeneration uint64
	// RunsOn is the name of the node that follows the attempt, or followed the one that
	// ended the task, and Worker that of the worker outside which claimed it, as it or its
	// credential says; "" if the task waits, and for a worker without a name.
	RunsOn, Worker string
	// Ran is how long the attempt had run when this was stored, by the clock of one
	// node at a time: the wall clocks of nodes differ.
	Ran time.Duration
	// Reports counts the reports of the attempt's worker that came to a node which does
	// not own it, and Relayed has those that were not empty, the newest last, until the
	// node that does has taken it up.
	Reports uint64
	Relayed []Relayed
	// FinalEventPending says that the task has ended, and that its final event may not
	// have been published yet.
	FinalEventPending bool
	// Removed says that somebody has removed the finished task: readers do not see it any
	// more, and it goes when its task_removed was published.
	Removed bool
	// RunAt is when the task is to be begun for the first time, in UTC, as its start says,
	// and never changes; the zero time is at once (rule T19).
	RunAt time.Time
	// NotBefore is when a pending task may be begun, in UTC, by the clock of the node
	// that wrote it; the zero time is at once. What counts is Delay, which each node
	// measures from when it learns of the task.
	NotBefore time.Time
	// Truncated says that the result was left out for its size; Reader.Get has it.
	// It is never stored.
	Truncated bool
	// ParamsHidden says that Reader has left the params out, because the task's type hides
	// them or is not known any more. It is never stored.
	ParamsHidden bool
	// Term is how long the caller of Service.Start, which is the task's worker, may go
	// without a report; 0 for every other caller. It is never stored.
	Term time.Duration

	// Unknown is what the stored record has beside: a JSON object with the fields of a
	// later version, or nil. A change of the task must leave it as it is.
	Unknown json.RawMessage
	// Revision is the store's: it changes with every update (compare-and-set).
	Revision uint64
}

// Size is the number of bytes of a task that are its callers': its params, its labels
// and its result.
func (t Task) Size() int { return t.InputSize() + len(t.Result) }

// InputSize is the number of bytes that a task was started with.
func (t Task) InputSize() int { return len(t.Params) + t.Labels.Size() }

// Scheduled reports whether t has waited since its start for the time that it is to run
// at.
func (t Task) Scheduled() bool {
	return t.Status == Pending && t.Attempt == 1 && !t.NotBefore.IsZero()
}

// Delay is how long the next attempt at a pending task has to wait from when its record
// was made, for a type of that policy.
func (t Task) Delay(policy Policy) time.Duration {
	switch {
	case t.NotBefore.IsZero():
		return 0
	case t.Attempt == 1:
		return t.NotBefore.Sub(t.Created)
	default:
		return policy.RetryDelay(t.ID, t.Attempt)
	}
}

// Settled reports whether nothing more is to come of t: it has ended, and its
// last event was sent.
func (t Task) Settled() bool { return t.Status.Terminal() && !t.FinalEventPending && !t.Removed }
