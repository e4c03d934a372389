// Package records changes the records of tasks, and publishes the changes.
//
// Every change is a compare-and-set in the store, which decides all races: between
// Cancel and an attempt that begins or ends, and between nodes. An attempt has a
// lease, a token in the record, and the nodes that own it one after the other have
// rising generations; a change that names an older one is refused. So the order of
// things does not depend on there being only one node.
//
// Records has a part for each kind of change:
//
//   - Attempts: an attempt begins, makes progress, goes to another node
//   - Ends: a task ends, or is tried again
//   - FinalEvents: which final events are not published yet, and by which node they will be
//   - Removals: a finished task is removed
//   - Turns: one change at a time of each task, with its event
//
// They share the writer, which is the compare-and-set, and the outbox, which sends the events.
package records

import (
	"log/slog"

	"heliograph/application/tasks/lifecycle"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// Deps is what Records needs.
type Deps struct {
	Store     task.Store
	Nodes     cluster.Nodes
	Publisher event.Publisher
	Metrics   task.Metrics
	Life      *lifecycle.Lifecycle
	Log       *slog.Logger
	// MaxEventBytes bounds the payload of an event (rule E8), at least MinEventBytes.
	MaxEventBytes int
	// MaxWritten bounds event.Written of it likewise; 0 is no bound.
	MaxWritten int
	// Ended is called with each task whose record was made terminal here.
	Ended func(task.Task)
}

// Records holds all tasks' records: its parts change them, and its methods those of tasks
// that wait. It is safe for concurrent use.
type Records struct {
	// Limits bounds the texts that are stored.
	Limits      Limits
	Attempts    *Attempts
	Ends        *Ends
	FinalEvents *FinalEvents
	Removals    *Removals
	Turns       *Turns
	Trouble     *TroubleLog

	writer *writer
	outbox *outbox
}

// New returns the records in d.Store.
func New(d Deps) *Records {
	limits, turns, trouble := limitsFor(d.MaxEventBytes), newTurns(), &TroubleLog{log: d.Log}
	write := &writer{d.Store, d.Life, trouble}
	out := newOutbox(sender{d.Publisher, d.MaxEventBytes, d.MaxWritten, d.Log}, d.Life, !d.Store.Outlives())
	unpublished := newUnpublishedEnds(d, trouble)
	finalEvents := &FinalEvents{d.Store, d.Nodes, d.Log, write, out, unpublished}
	return &Records{
		Limits:   limits,
		Attempts: &Attempts{d.Store, d.Nodes, limits, write, out},
		Ends: &Ends{
			store: d.Store, life: d.Life, limits: limits, metrics: d.Metrics, log: d.Log, ended: d.Ended,
			turns: turns, writer: write, outbox: out, finalEvents: finalEvents, unpublished: unpublished,
		},
		FinalEvents: finalEvents,
		Removals:    &Removals{d.Store, d.Nodes, turns, out, finalEvents},
		Turns:       turns, Trouble: trouble, writer: write, outbox: out,
	}
}
