// Package overview holds what operators see of all nodes at once: the nodes, the queue and
// what workers do (rule W7).
package overview

import (
	"context"
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

//go:generate go tool mockgen -typed -source=overview.go -destination=../../test/mocks/overview.go -package=mocks -mock_names=Service=MockOverviewService

// Node is one node of the cluster.
type Node struct {
	cluster.Sign

	// This is the node that says so.
	This bool
	// Load is nil if the node did not answer.
	Load *Load
}

// Load is what a node says of itself.
type Load struct {
	Ready       bool
	Connections int // that it owns
	Running     int // tasks that it follows
}

// Nodes is all nodes that are known of, by name, and the names of those that live and did not answer.
type Nodes struct {
	Nodes   []Node
	Missing []string
}

// Queue is the queue over all nodes.
type Queue struct {
	// All has what they all know, and the sums of what each has for itself.
	All task.QueueFigures
	// ByNode has what each has answered, by its name.
	ByNode  map[string]task.QueueFigures
	Missing []string
}

// Query says which leases are asked for.
type Query struct {
	Node  string // only of this one; "" is all
	After string // Workers.Next of the page before; "" for the first
	Limit int    // leases on the page at most; more than 0
}

// Lease is a task that a worker outside runs.
type Lease struct {
	ID      task.ID
	Type    string
	Worker  string // "" for one without a name
	Attempt int
	Node    string // that follows it
	Since   time.Time
	// Sign is nil if the node that follows it did not answer, or knows nothing of it yet.
	Sign *task.LeaseSign
}

// Workers is what there is to be done for workers outside, and what they do.
type Workers struct {
	// Types has the figures of all types over all nodes, by name.
	Types []task.TypeFigures
	// Leases is a page of them, the newest task first, and Next the After of the next page;
	// "" if there is none.
	Leases  []Lease
	Next    string
	Missing []string
}

// Service is the driving port for operators. It is safe for concurrent use. Nodes that do not
// answer within a second are named as missing. Errors: ctx.Err().
type Service interface {
	// Nodes returns all nodes.
	Nodes(ctx context.Context) (Nodes, error)
	// Queue returns the queue, as all nodes see it or only the one of that name.
	Queue(ctx context.Context, node string) (Queue, error)
	// Workers returns a page of leases, and all types. Errors: also task.ErrInvalidCursor,
	// task.ErrUnavailable.
	Workers(ctx context.Context, q Query) (Workers, error)
}
