package tasks

import (
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

// overview implements task.Overview. It is safe for concurrent use.
type overview struct {
	types   *types
	figures *scheduler.Figures
	running *runner.Running
	workers int // of the pool
}

var _ task.Overview = (*overview)(nil)

// Overview returns what operators see of the queue and of what runs.
func (s *Service) Overview() task.Overview {
	return &overview{types: s.types, figures: s.queue.Figures, running: s.runner.Running, workers: s.pool.Workers}
}

// Queue implements task.Overview.
func (o *overview) Queue() task.QueueFigures {
	f := task.QueueFigures{Running: o.running.Len(), Workers: o.workers, Refused: o.figures.Refused()}
	f.Waiting, f.Scheduled = o.figures.Len()
	f.Limit, f.ScheduledLimit = o.figures.Limits()
	return f
}

// Types implements task.Overview.
func (o *overview) Types() []task.TypeFigures {
	startable := *o.types.startable.Load()
	all := make([]task.TypeFigures, len(startable))
	for i, typ := range startable {
		all[i] = o.figures.Of(typ)
	}
	return all
}

// Sign implements task.Overview.
func (o *overview) Sign(id task.ID) (task.LeaseSign, bool) {
	a := o.running.Get(id)
	if a == nil || !a.Type().Outside || a.Lost() {
		return task.LeaseSign{}, false
	}
	return a.Sign(), true
}
