package scheduler

import "cmp"

// before reports whether the first of q goes before the first of other.
func (q *typeQueue) before(other *typeQueue) bool {
	return cmp.Or(
		cmp.Compare(other.typ.Policy.Priority, q.typ.Policy.Priority),
		cmp.Compare(q.waiting[0].position, other.waiting[0].position),
	) < 0
}
