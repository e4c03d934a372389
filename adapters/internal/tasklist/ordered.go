package tasklist

import (
	"slices"

	"heliograph/domain/task"
)

// ordered holds tasks, oldest first. Tasks come nearly always at the end, so it is
// a slice; the ones to insert or remove are found by binary search.
type ordered []*task.Task

// insert adds t, unless it is there.
func (x *ordered) insert(t *task.Task) {
	if i, found := slices.BinarySearchFunc(*x, PlaceOf(t), byPlace); !found {
		*x = slices.Insert(*x, i, t)
	}
}

// remove takes t out, if it is there.
func (x *ordered) remove(t *task.Task) {
	if i, found := slices.BinarySearchFunc(*x, PlaceOf(t), byPlace); found {
		*x = slices.Delete(*x, i, i+1)
	}
}

// below returns what is older than p; everything if p is zero.
func (x *ordered) below(p Place) ordered {
	if p.IsZero() {
		return *x
	}
	end, _ := slices.BinarySearchFunc(*x, p, byPlace)
	return (*x)[:end]
}

func byPlace(t *task.Task, p Place) int { return PlaceOf(t).Compare(p) }
