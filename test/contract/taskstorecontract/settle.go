package taskstorecontract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// ends lets the nth task end on a node that is to publish that.
func (f fixture) ends(n int, node cluster.Life) task.Task {
	f.t.Helper()
	return f.update(f.createOne(pending(n)), func(t *task.Task) {
		finish(n)(t)
		t.FinalEventPending, t.Node = true, node
	})
}

func (f fixture) settle(node cluster.Life, revision uint64) {
	f.t.Helper()
	if err := f.store.Settle(f.t.Context(), node, revision); err != nil {
		f.t.Fatal(err)
	}
}

// settled is t as it reads then.
func settled(t task.Task) task.Task {
	t.FinalEventPending, t.Node = false, ""
	return t
}

func settle(_ *testing.T, f fixture) { // T11
	first, other, second := f.ends(1, "one/a"), f.ends(2, "two/b"), f.ends(3, "one/a")
	f.wantList(task.Query{Unsettled: true}, 3, 2, 1)
	f.settle("one/a", first.Revision)
	f.wantList(task.Query{Unsettled: true}, 3, 2)
	f.want(settled(first))
	f.wantKnown(settled(first))
	f.want(other)
	f.want(second)
	f.settle("one/a", second.Revision)
	f.settle("one/a", first.Revision) // that is known
	f.wantList(task.Query{Unsettled: true}, 2)
	later := f.ends(4, "one/a")
	f.want(later)
	f.wantList(task.Query{Unsettled: true}, 4, 2)
	f.settle("two/b", other.Revision)
	f.wantList(task.Query{Unsettled: true}, 4)
	page, _, err := f.store.List(f.t.Context(), task.Query{IDs: []task.ID{first.ID, second.ID}})
	if diff := cmp.Diff([]task.Task{settled(first), settled(second)}, page); err != nil || diff != "" {
		f.t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func settledChanges(_ *testing.T, f fixture) { // T3
	ended := f.ends(1, "one/a")
	f.settle("one/a", ended.Revision)
	marked := f.update(settled(ended), func(t *task.Task) { t.Removed = true })
	f.want(marked)
	f.wantList(task.Query{Unsettled: true}, 1)
	if err := f.store.Delete(f.t.Context(), marked); err != nil {
		f.t.Fatal(err)
	}
	f.settle("one/a", marked.Revision+1)
	f.wantList(task.Query{})
}
