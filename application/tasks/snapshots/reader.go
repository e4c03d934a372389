package snapshots

import (
	"cmp"
	"sort"
	"time"

	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// place orders tasks by their creation, as Store.List does.
type place struct {
	created time.Time
	id      task.ID
}

func placeOf(t *task.Task) place { return place{created: t.Created, id: t.ID} }

func (p place) compare(other place) int {
	return cmp.Or(p.created.Compare(other.created), cmp.Compare(p.id, other.id))
}

// section is a run of a snapshot's parts, which those of a later snapshot may have taken
// the place of.
type section struct {
	newest *newest
	// end is the place of its last task: those after it were created after the stream
	// began, and the log has them.
	end place
}

// reader is how far one stream has read.
type reader struct {
	sections []section // that are left; the first is being read
	had      place     // of the last task that it was given of that one
	none     *gateway.Part
}

// next implements gateway.Parts. A part may begin with tasks that the stream was
// given before; their seq shows that.
func (r *reader) next() (_ *gateway.Part, more bool) {
	for len(r.sections) > 0 {
		at := r.sections[0]
		parts := *at.newest.parts.Load()
		i := sort.Search(len(parts), func(i int) bool { return parts[i].last.compare(r.had) > 0 })
		if i < len(parts) && r.had.compare(at.end) < 0 {
			r.had = parts[i].last
			return parts[i].Part, i < len(parts)-1 || len(r.sections) > 1
		}
		r.sections, r.had = r.sections[1:], place{}
	}
	return r.none, false
}
