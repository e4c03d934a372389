package tasklist

import (
	"iter"
	"slices"

	"heliograph/domain/task"
)

// index holds tasks, oldest first. Tasks come nearly always at the end, so it is
// a slice; the ones to insert or remove are found by binary search.
type index []*task.Task

// insert adds t.
func (x *index) insert(t *task.Task) {
	i, _ := slices.BinarySearchFunc(*x, PlaceOf(t), byPlace)
	*x = slices.Insert(*x, i, t)
}

// remove takes t out, if it is there.
func (x *index) remove(t *task.Task) {
	if i, found := slices.BinarySearchFunc(*x, PlaceOf(t), byPlace); found {
		*x = slices.Delete(*x, i, i+1)
	}
}

// newestBelow yields what is older than p, newest first; everything if p is zero.
func (x *index) newestBelow(p Place) iter.Seq[*task.Task] {
	end := len(*x)
	if !p.IsZero() {
		end, _ = slices.BinarySearchFunc(*x, p, byPlace)
	}
	return func(yield func(*task.Task) bool) {
		for i := end - 1; i >= 0; i-- {
			if !yield((*x)[i]) {
				return
			}
		}
	}
}

func byPlace(t *task.Task, p Place) int { return PlaceOf(t).Compare(p) }
