package ginapi

import (
	"maps"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/domain/overview"
	"heliograph/domain/task"
)

// nodesAnswer is the JSON of all nodes.
type nodesAnswer struct {
	Nodes   []nodeAnswer `json:"nodes"`
	Broker  brokerAnswer `json:"broker"`
	Missing []string     `json:"missing,omitempty"`
}

type nodeAnswer struct {
	Node        string     `json:"node"`
	This        bool       `json:"this"`
	Version     string     `json:"version,omitempty"`
	Revision    string     `json:"revision,omitempty"`
	StartedAt   *time.Time `json:"started_at,omitempty"`
	SignAge     float64    `json:"sign_age"` // seconds
	Alive       bool       `json:"alive"`
	Left        bool       `json:"left,omitempty"`
	Leader      bool       `json:"leader"`
	Ready       *bool      `json:"ready,omitempty"` // with the others of Load
	Connections *int       `json:"connections,omitempty"`
	Running     *int       `json:"running,omitempty"`
}

// brokerAnswer is the JSON of the broker as this node sees it.
type brokerAnswer struct {
	Kind string `json:"kind"`
	OK   bool   `json:"ok"`
	// Error is what is wrong.
	Error string `json:"error,omitempty"`
}

// brokerCheck is the name of the broker among the checks of readiness.
const brokerCheck = "broker"

func (o *Operators) readNodes(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	all, err := o.deps.Overview.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	answer := nodesAnswer{Nodes: make([]nodeAnswer, len(all.Nodes)), Broker: brokerAnswer{Kind: o.deps.Broker}, Missing: all.Missing}
	for _, found := range o.deps.Checks(ctx) {
		if found.Name == brokerCheck {
			answer.Broker.OK = found.Err == nil
			if found.Err != nil {
				answer.Broker.Error = found.Err.Error()
			}
		}
	}
	for i, n := range all.Nodes {
		answer.Nodes[i] = nodeAnswer{
			Node: n.Node, This: n.This, Version: n.Version, Revision: n.Revision, StartedAt: timeOrNil(n.Started),
			SignAge: n.Age.Seconds(), Alive: n.Alive, Left: n.Left, Leader: n.Leads,
		}
		if n.Load != nil {
			answer.Nodes[i].Ready, answer.Nodes[i].Connections, answer.Nodes[i].Running = &n.Load.Ready, &n.Load.Connections, &n.Load.Running
		}
	}
	return answer, nil
}

// queueFigures is the JSON of a queue.
type queueFigures struct {
	Waiting        int    `json:"waiting"`
	Limit          int    `json:"limit"`
	Scheduled      int    `json:"scheduled"`
	ScheduledLimit int    `json:"scheduled_limit"`
	Running        int    `json:"running"`
	Workers        int    `json:"workers"`
	Refused        uint64 `json:"refused"`
}

func queueFiguresOf(f task.QueueFigures) queueFigures {
	return queueFigures{f.Waiting, f.Limit, f.Scheduled, f.ScheduledLimit, f.Running, f.Workers, f.Refused}
}

type nodeQueue struct {
	Node string `json:"node"`
	queueFigures
}

func (o *Operators) readQueue(c *gin.Context) (any, error) {
	q, err := o.deps.Overview.Queue(c.Request.Context(), c.Query("node"))
	if err != nil {
		return nil, err
	}
	answer := struct {
		queueFigures

		ByNode  []nodeQueue `json:"by_node"`
		Missing []string    `json:"missing,omitempty"`
	}{queueFiguresOf(q.All), []nodeQueue{}, q.Missing}
	for _, node := range slices.Sorted(maps.Keys(q.ByNode)) {
		answer.ByNode = append(answer.ByNode, nodeQueue{node, queueFiguresOf(q.ByNode[node])})
	}
	return answer, nil
}

// claimedLately is how long ago a claim may be for a type to count as one that is claimed: a worker
// that waits for work asks again every minute at least, and one that has some may run it for
// longer.
const claimedLately = 5 * time.Minute

type typeFigures struct {
	Type          string      `json:"type"`
	Kind          task.Runner `json:"kind"`
	Waiting       int         `json:"waiting"`
	Running       int         `json:"running"`
	ClaimsWaiting int         `json:"claims_waiting"`
	ClaimedLately bool        `json:"claimed_lately"`
}

type leaseAnswer struct {
	TaskID   task.ID    `json:"task_id"`
	Type     string     `json:"type"`
	Worker   string     `json:"worker,omitempty"`
	Attempt  int        `json:"attempt"`
	Node     string     `json:"node"`
	Since    time.Time  `json:"since"`
	LastSign *time.Time `json:"last_sign,omitempty"`
	Expires  *time.Time `json:"expires,omitempty"`
}

func (o *Operators) readWorkers(c *gin.Context) (any, error) {
	values, err := parseValues(c.Request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	q := overview.Query{Node: values.Get("node"), After: values.Get("after")}
	if q.Limit, err = parseNumber(values, "limit", defaultEntries, maxEntries); err != nil {
		return nil, err
	}
	all, err := o.deps.Overview.Workers(c.Request.Context(), q)
	if err != nil {
		return nil, err
	}
	answer := struct {
		Types   []typeFigures `json:"types"`
		Leases  []leaseAnswer `json:"leases"`
		Next    string        `json:"next,omitempty"`
		Missing []string      `json:"missing,omitempty"`
	}{make([]typeFigures, len(all.Types)), make([]leaseAnswer, len(all.Leases)), all.Next, all.Missing}
	for i, f := range all.Types {
		lately := f.ClaimsWaiting > 0 || !f.Claimed.IsZero() && time.Since(f.Claimed) < claimedLately
		answer.Types[i] = typeFigures{f.Type, f.RunBy, f.Waiting, f.Running, f.ClaimsWaiting, lately}
	}
	for i, l := range all.Leases {
		answer.Leases[i] = leaseAnswer{TaskID: l.ID, Type: l.Type, Worker: l.Worker, Attempt: l.Attempt, Node: l.Node, Since: l.Since.UTC()}
		if l.Sign != nil {
			answer.Leases[i].LastSign, answer.Leases[i].Expires = timeOrNil(l.Sign.Last), timeOrNil(l.Sign.Last.Add(l.Sign.Term))
		}
	}
	return answer, nil
}
