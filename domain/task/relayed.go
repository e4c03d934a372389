package task

import "slices"

// Relayed is one report that a worker made to a node which does not own its
// task.
type Relayed struct {
	Number uint64 // as Task.Reports counts
	Update Update
}

// maxRelayed bounds Task.Relayed. The node that owns the task takes reports up
// within milliseconds, so there are rarely two.
const maxRelayed = 4

// WithReport returns t after a report of its worker, which may be empty. When too much was not taken up yet, the two oldest reports become one.
func (t Task) WithReport(u Update) Task {
	t.Reports++
	if u == (Update{}) {
		return t
	}
	t.Relayed = append(slices.Clone(t.Relayed), Relayed{t.Reports, u})
	if len(t.Relayed) > maxRelayed {
		t.Relayed[1].Update = t.Relayed[0].Update.then(t.Relayed[1].Update)
		t.Relayed = t.Relayed[1:]
	}
	return t
}

// then returns what both updates say, one after the other.
func (u Update) then(next Update) Update {
	u.Text, u.Value, u.Unit = newest(u.Text, next.Text), newest(u.Value, next.Value), newest(u.Unit, next.Unit)
	u.Stage, u.Stages = newest(u.Stage, next.Stage), newest(u.Stages, next.Stages)
	u.Done, u.Total = newest(u.Done, next.Done), newest(u.Total, next.Total)
	return u
}

func newest[T any](before, after *T) *T {
	if after != nil {
		return after
	}
	return before
}
