// Package overview implements overview.Service: each node says what it knows of itself, and the one
// that is asked puts the answers together (rule W7).
package overview

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"heliograph/domain/cluster"
	"heliograph/domain/overview"
	"heliograph/domain/task"
)

// The topics of questions to nodes.
const (
	topicLoad   = "load"
	topicQueue  = "queue"
	topicTypes  = "task types"
	topicLeases = "leases"
)

// Deps are what a Service needs. All are required.
type Deps struct {
	Self      string // this node's name
	Roll      cluster.Roll
	Questions cluster.Questions
	Tasks     task.Overview
	Reader    task.Reader
	// Ready reports whether this node is.
	Ready func() bool
	// Connections returns how many this node owns.
	Connections func() int
}

// Service implements overview.Service. It is safe for concurrent use.
type Service struct{ Deps }

var _ overview.Service = (*Service)(nil)

// New returns a Service, which answers for this node from now on.
func New(d Deps) *Service {
	s := &Service{Deps: d}
	cluster.Answer(d.Questions, topicLoad, func(context.Context, struct{}) (overview.Load, error) {
		return overview.Load{Ready: d.Ready(), Connections: d.Connections(), Running: d.Tasks.Queue().Running}, nil
	})
	cluster.Answer(d.Questions, topicQueue, func(context.Context, struct{}) (task.QueueFigures, error) { return d.Tasks.Queue(), nil })
	cluster.Answer(d.Questions, topicTypes, func(context.Context, struct{}) ([]task.TypeFigures, error) { return d.Tasks.Types(), nil })
	cluster.Answer(d.Questions, topicLeases, s.signs)
	return s
}

// Nodes implements overview.Service.
func (s *Service) Nodes(ctx context.Context) (all overview.Nodes, err error) {
	loads, missing, err := cluster.Ask[struct{}, overview.Load](ctx, s.Questions, topicLoad, struct{}{})
	if err != nil {
		return all, err
	}
	all.Missing = missing
	for _, sign := range s.Roll.Signs() {
		n := overview.Node{Sign: sign, This: sign.Node == s.Self}
		if load, answered := loads[sign.Node]; answered {
			n.Load = &load
		}
		all.Nodes = append(all.Nodes, n)
	}
	return all, nil
}

// Queue implements overview.Service.
func (s *Service) Queue(ctx context.Context, node string) (q overview.Queue, err error) {
	if q.ByNode, q.Missing, err = cluster.Ask[struct{}, task.QueueFigures](ctx, s.Questions, topicQueue, struct{}{}, names(node)...); err != nil {
		return q, err
	}
	for _, f := range q.ByNode {
		q.All.Waiting, q.All.Limit = max(q.All.Waiting, f.Waiting), max(q.All.Limit, f.Limit)
		q.All.Scheduled, q.All.ScheduledLimit = max(q.All.Scheduled, f.Scheduled), max(q.All.ScheduledLimit, f.ScheduledLimit)
		q.All.Running += f.Running
		q.All.Workers += f.Workers
		q.All.Refused += f.Refused
	}
	return q, nil
}

// names is the one node, or none for all.
func names(node string) []string {
	if node == "" {
		return nil
	}
	return []string{node}
}

// Workers implements overview.Service.
func (s *Service) Workers(ctx context.Context, q overview.Query) (all overview.Workers, err error) {
	byNode, missing, err := cluster.Ask[struct{}, []task.TypeFigures](ctx, s.Questions, topicTypes, struct{}{}, names(q.Node)...)
	if err != nil {
		return all, err
	}
	all.Types, all.Missing = merged(byNode), missing
	if all.Leases, all.Next, err = s.leases(ctx, q, outside(all.Types)); err != nil || len(all.Leases) == 0 {
		return all, err
	}
	silent, err := s.addSigns(ctx, all.Leases)
	all.Missing = slices.Compact(slices.Sorted(slices.Values(slices.Concat(all.Missing, silent))))
	return all, err
}

// merged is the figures of types over all nodes.
func merged(byNode map[string][]task.TypeFigures) []task.TypeFigures {
	byName := map[string]task.TypeFigures{}
	for _, types := range byNode {
		for _, f := range types {
			m := byName[f.Type]
			m.Type, m.RunBy = f.Type, f.RunBy
			m.Waiting = max(m.Waiting, f.Waiting)
			m.Running += f.Running
			m.ClaimsWaiting += f.ClaimsWaiting
			if f.Claimed.After(m.Claimed) {
				m.Claimed = f.Claimed
			}
			byName[f.Type] = m
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b task.TypeFigures) int { return cmp.Compare(a.Type, b.Type) })
}

// outside returns the names of the types that workers outside run.
func outside(types []task.TypeFigures) map[string]bool {
	names := map[string]bool{}
	for _, f := range types {
		if f.RunBy == task.RunnerWorker {
			names[f.Type] = true
		}
	}
	return names
}

// maxReads bounds how often one call asks for running tasks, of which few may be leased.
const maxReads = 20

// leases returns a page of the tasks that workers outside run, without their signs.
func (s *Service) leases(ctx context.Context, q overview.Query, types map[string]bool) (leases []overview.Lease, next string, err error) {
	next = q.After
	for range maxReads {
		var page []task.Task
		page, next, err = s.Reader.List(ctx, task.Query{Status: task.Running, Limit: q.Limit - len(leases), Cursor: next})
		if err != nil {
			return nil, "", err
		}
		for _, t := range page {
			if types[t.Type] && (q.Node == "" || t.RunsOn == q.Node) {
				leases = append(leases, overview.Lease{ID: t.ID, Type: t.Type, Worker: t.Worker, Attempt: t.Attempt, Node: t.RunsOn, Since: t.Started})
			}
		}
		if next == "" || len(leases) == q.Limit {
			break
		}
	}
	return leases, next, nil
}

// addSigns asks the nodes that follow the leases for the signs of their workers, and returns
// those that did not answer.
func (s *Service) addSigns(ctx context.Context, leases []overview.Lease) (missing []string, err error) {
	var nodes []string
	var ids []task.ID
	for _, l := range leases {
		nodes, ids = append(nodes, l.Node), append(ids, l.ID)
	}
	slices.Sort(nodes)
	answers, missing, err := cluster.Ask[[]task.ID, map[task.ID]task.LeaseSign](ctx, s.Questions, topicLeases, ids, slices.Compact(nodes)...)
	if err != nil {
		return nil, err
	}
	for i := range leases {
		if sign, known := answers[leases[i].Node][leases[i].ID]; known {
			leases[i].Sign = &sign
		}
	}
	return missing, nil
}

// signs answers for the tasks that this node follows.
func (s *Service) signs(_ context.Context, ids []task.ID) (map[task.ID]task.LeaseSign, error) {
	signs := map[task.ID]task.LeaseSign{}
	for _, id := range ids {
		if sign, follows := s.Tasks.Sign(id); follows {
			signs[id] = sign
		}
	}
	return signs, nil
}
