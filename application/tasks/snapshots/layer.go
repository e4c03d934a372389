package snapshots

import (
	"context"
	"slices"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// layer is a part of what a viewer sees. The layers of a viewer lie on each other: what is
// for everyone, what is for its roles, for its subject, and for its request_id. Each has
// only the tasks that those beneath it have not, so the lower ones are the same for many
// viewers.
//
// The tasks of a layer come before those beneath it. Where these are few, both are
// packed together, so that most streams are sent one event; else the parts of those
// beneath follow, and are the same for all.
type layer struct {
	viewer  access.Viewer // sees the tasks of the layer, and none that is for everyone unless it is the lowest
	beneath access.Viewer // sees those of the layers beneath, but for what is for everyone

	together shelf // parts of the layer with all that is beneath
	before   shelf // parts of the layer alone, which others follow
}

// state is the unfinished tasks of a layer and all beneath it, as a stream is sent them.
type state struct {
	sections []section // nil if there are no tasks
	few      []entry   // all tasks, the oldest first, if they are one part
}

// add reads the tasks of l and returns them with those beneath.
func (o *Observer) add(ctx context.Context, l *layer, beneath state, of *series) (state, error) {
	entries, err := o.list(ctx, &l.viewer, l.beneath)
	if err != nil {
		return state{}, err
	}
	if len(entries) == 0 && !l.together.read() && !l.before.read() {
		return beneath, nil
	}
	return o.combine(l, entries, beneath, of), nil
}

// list returns what the viewer sees and rest does not, but for what is for everyone, the
// oldest first, as they will run.
func (o *Observer) list(ctx context.Context, viewer *access.Viewer, rest access.Viewer) ([]entry, error) {
	tasks, _, err := o.store.List(ctx, task.Query{Unfinished: true, Viewer: viewer})
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	tasks = slices.DeleteFunc(tasks, func(t task.Task) bool { return t.Audience != nil && t.Audience.Includes(rest) })
	slices.Reverse(tasks)
	return encode(tasks)
}

// combine returns the entries of l with those beneath.
func (o *Observer) combine(l *layer, entries []entry, beneath state, of *series) state {
	if len(beneath.sections) > 0 && beneath.few == nil {
		parts := pack(entries, o.maxBytes, true)
		return state{sections: slices.Concat(l.before.replace(parts, of), beneath.sections)}
	}
	if len(beneath.few) > 0 {
		entries = append(entries, beneath.few...)
		slices.SortFunc(entries, func(a, b entry) int { return a.compare(b.place) })
	}
	parts := pack(entries, o.maxBytes, false)
	s := state{sections: l.together.replace(parts, of)}
	if len(parts) == 1 {
		s.few = entries
	}
	return s
}
