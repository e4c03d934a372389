package tasklist

import (
	"cmp"
	"container/list"
	"slices"
	"time"

	"heliograph/domain/task"
)

// Finished is an index of the tasks that have ended, in the order in which they
// did. Adding, removing and finding what has expired cost what is added, removed
// or found, however many it holds. It is not safe for concurrent use.
type Finished struct {
	places map[task.ID]*finished
	order  *list.List            // of *finished; the one that ended first is at the front
	byType map[string]*list.List // the same, of one type each
	bytes  int                   // of all together
	last   uint64                // the number of the one added last
}

// finished is one task in the index.
type finished struct {
	id            task.ID
	typ           string
	ended         time.Time
	bytes         int
	number        uint64 // what was added later has a larger one
	inAll, inType *list.Element
}

// NewFinished returns an empty index.
func NewFinished() *Finished {
	return &Finished{places: make(map[task.ID]*finished), order: list.New(), byType: make(map[string]*list.List)}
}

// Add adds a task that ended at some time, by the clock that Expired is given. One
// that is there keeps its place.
func (f *Finished) Add(t *task.Task, ended time.Time) {
	if f.places[t.ID] != nil {
		return
	}
	ofType := f.byType[t.Type]
	if ofType == nil {
		ofType = list.New()
		f.byType[t.Type] = ofType
	}
	f.last++
	e := &finished{id: t.ID, typ: t.Type, ended: ended, bytes: t.Size(), number: f.last}
	e.inAll, e.inType = f.order.PushBack(e), ofType.PushBack(e)
	f.places[t.ID] = e
	f.bytes += e.bytes
}

// Remove takes a task out, if it is there.
func (f *Finished) Remove(id task.ID) {
	e := f.places[id]
	if e == nil {
		return
	}
	delete(f.places, id)
	f.bytes -= e.bytes
	f.order.Remove(e.inAll)
	if ofType := f.byType[e.typ]; ofType.Len() == 1 {
		delete(f.byType, e.typ)
	} else {
		ofType.Remove(e.inType)
	}
}

// Expired returns what r does not keep at that time, the one that ended first
// first.
func (f *Finished) Expired(r task.Retention, now time.Time) []task.ID {
	tooOld, bytes := f.tooOld(r, now)
	expired := f.beyond(r, tooOld, f.bytes-bytes)
	slices.SortFunc(expired, func(a, b *finished) int { return cmp.Compare(a.number, b.number) })
	ids := make([]task.ID, len(expired))
	for i, e := range expired {
		ids[i] = e.id
	}
	return ids
}

// tooOld returns what is older than r says, and how large that is together.
func (f *Finished) tooOld(r task.Retention, now time.Time) (found map[*finished]bool, bytes int) {
	found = make(map[*finished]bool)
	for typ, ofType := range f.byType {
		age := r.AgeFor(typ)
		for at := ofType.Front(); at != nil; at = at.Next() {
			e := value(at)
			if now.Sub(e.ended) < age {
				break
			}
			found[e] = true
			bytes += e.bytes
		}
	}
	return found, bytes
}

// beyond adds to what is too old that which is too much of the rest: bytes is how
// large that is.
func (f *Finished) beyond(r task.Retention, tooOld map[*finished]bool, bytes int) (expired []*finished) {
	for e := range tooOld {
		expired = append(expired, e)
	}
	left := f.order.Len() - len(tooOld)
	for at := f.order.Front(); at != nil; at = at.Next() {
		tooMany := r.Count > 0 && left > r.Count
		tooLarge := r.Bytes > 0 && left > 1 && bytes > r.Bytes
		if !tooMany && !tooLarge {
			break
		}
		if e := value(at); !tooOld[e] {
			expired = append(expired, e)
			left--
			bytes -= e.bytes
		}
	}
	return expired
}

func value(at *list.Element) *finished {
	e, _ := at.Value.(*finished)
	return e
}
