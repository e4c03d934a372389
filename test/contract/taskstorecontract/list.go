package taskstorecontract

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/task"
)

func listEmpty(_ *testing.T, f fixture) { f.wantList(task.Query{}) }

func listOrder(_ *testing.T, f fixture) {
	f.create(pending(2), pending(3), pending(1))
	f.wantList(task.Query{}, 3, 2, 1)
}

func listSameMoment(t *testing.T, f fixture) {
	for n := range 5 {
		same := pending(n)
		same.Created = epoch
		f.create(same)
	}
	first, _ := f.page(task.Query{})
	again := f.pagesOf(task.Query{Limit: 1}, func(int) {})
	if diff := cmp.Diff(idsOf(first), idsOf(slices.Concat(again...))); diff != "" {
		t.Errorf("the order differs (-first +again):\n%s", diff)
	}
}

func listStatus(_ *testing.T, f fixture) {
	f.threeOf()
	f.wantList(task.Query{Status: task.Running}, 2)
	f.wantList(task.Query{Status: task.Completed}, 3)
	f.wantList(task.Query{Status: task.Cancelled})
}

func listType(_ *testing.T, f fixture) {
	other := pending(2)
	other.Type = "other"
	f.create(pending(1), other, pending(3))
	f.wantList(task.Query{Type: "demo"}, 3, 1)
	f.wantList(task.Query{Type: "none"})
}

func listOwner(_ *testing.T, f fixture) { // A9
	own := pending(2)
	own.Owner = "ann"
	f.create(pending(1), own, pending(3))
	f.wantList(task.Query{Owner: "ann"}, 2)
	f.wantList(task.Query{Owner: "ann", Status: task.Running})
	f.wantList(task.Query{Owner: "ben"})
}

func listUnfinished(_ *testing.T, f fixture) {
	f.threeOf()
	f.wantList(task.Query{Unfinished: true}, 2, 1)
}

func listUnsettled(_ *testing.T, f fixture) {
	f.threeOf()
	unpublished := f.update(f.createOne(pending(4)), func(t *task.Task) { finish(10)(t); t.FinalEventPending = true })
	f.wantList(task.Query{Unsettled: true}, 4, 2, 1)
	f.wantList(task.Query{Unsettled: true, Begun: true}, 4, 2)
	f.update(unpublished, func(t *task.Task) { t.FinalEventPending = false })
	f.wantList(task.Query{Unsettled: true}, 2, 1)
}

func listRemoved(_ *testing.T, f fixture) {
	f.threeOf()
	f.update(f.createOne(pending(4)), func(t *task.Task) { finish(10)(t); t.Removed = true })
	f.wantList(task.Query{}, 3, 2, 1)
	f.wantList(task.Query{Status: task.Completed}, 3)
	f.wantList(task.Query{IDs: []task.ID{pending(4).ID, pending(3).ID}}, 3)
	f.wantList(task.Query{Unsettled: true}, 4, 2, 1)
}

func listCombined(_ *testing.T, f fixture) {
	f.threeOf()
	other := pending(4)
	other.Type = "other"
	f.update(f.createOne(other), finish(10))
	f.wantList(task.Query{Type: "demo", Status: task.Completed}, 3)
	f.wantList(task.Query{Type: "demo", Status: task.Completed, Unsettled: true})
	f.wantList(task.Query{Status: task.Completed, Unfinished: true})
}

func listAfterUpdate(_ *testing.T, f fixture) {
	created := f.createOne(pending(1))
	f.wantList(task.Query{Unfinished: true}, 1)
	f.update(created, finish(5))
	f.wantList(task.Query{Unfinished: true})
	f.wantList(task.Query{Status: task.Completed}, 1)
}

func pages(t *testing.T, f fixture) {
	f.createMany(10)
	got := f.pagesOf(task.Query{Limit: 3}, func(int) {})
	if len(got) != 4 || len(got[3]) != 1 {
		t.Errorf("10 tasks by 3 came on %d pages", len(got))
	}
	f.wantNumbers(slices.Concat(got...), 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
}

func lastPage(t *testing.T, f fixture) {
	f.createMany(4)
	if got := f.pagesOf(task.Query{Limit: 2}, func(int) {}); len(got) != 2 {
		t.Errorf("4 tasks by 2 came on %d pages", len(got))
	}
	if _, next := f.page(task.Query{Limit: 4}); next != "" {
		t.Errorf("the only page has the cursor %q", next)
	}
}

func pagesSelected(t *testing.T, f fixture) {
	for i, created := range f.createMany(6) {
		if i%2 == 0 {
			f.update(created, finish(i))
		}
	}
	got := f.pagesOf(task.Query{Unfinished: true, Limit: 2}, func(int) {})
	if len(got) != 2 {
		t.Errorf("3 selected tasks by 2 came on %d pages", len(got))
	}
	f.wantNumbers(slices.Concat(got...), 6, 4, 2)
}

func pagesWhileChanging(t *testing.T, f fixture) {
	created := f.createMany(30)
	stays := func(i int) bool { return i%3 != 0 }
	got := f.pagesOf(task.Query{Limit: 4}, func(page int) {
		f.create(pending(100 + page)) // a newer one comes
		for i := range created {
			if !stays(i) && i%10 == page {
				f.remove(created[i])
			}
		}
	})
	seen := make(map[task.ID]int)
	for _, listed := range slices.Concat(got...) {
		seen[listed.ID]++
	}
	for i, task := range created {
		if n := seen[task.ID]; n > 1 || stays(i) && n != 1 {
			t.Errorf("task %d was on %d pages", i+1, n)
		}
	}
}

func cursorOfDeleted(_ *testing.T, f fixture) {
	created := f.createMany(5)
	_, next := f.page(task.Query{Limit: 2})
	f.remove(created[3]) // the last on that page, and the one after it
	f.remove(created[2])
	page, _ := f.page(task.Query{Limit: 2, Cursor: next})
	f.wantNumbers(page, 2, 1)
}

func badCursor(t *testing.T, f fixture) {
	f.createMany(2)
	for _, cursor := range []string{"x", "!", "AAAA", "\x00", "2026-03-01T12:00:00Z"} {
		_, _, err := f.store.List(t.Context(), task.Query{Cursor: cursor})
		f.wantError(err, task.ErrInvalidCursor)
	}
}

// createMany creates tasks 1 to n.
func (f fixture) createMany(n int) (stored []task.Task) {
	f.t.Helper()
	for i := range n {
		stored = append(stored, f.createOne(pending(i+1)))
	}
	return stored
}

// threeOf creates task 1 pending, task 2 running and task 3 completed.
func (f fixture) threeOf() {
	f.t.Helper()
	tasks := f.createMany(3)
	f.update(tasks[1], func(t *task.Task) { t.Status = task.Running })
	f.update(tasks[2], finish(10))
}

func (f fixture) page(q task.Query) (page []task.Task, next string) {
	f.t.Helper()
	page, next, err := f.store.List(f.t.Context(), q)
	if err != nil {
		f.t.Fatalf("list %+v: %v", q, err)
	}
	return page, next
}

// pagesOf follows the cursors to the last page; between happens after each page.
func (f fixture) pagesOf(q task.Query, between func(page int)) (pages [][]task.Task) {
	f.t.Helper()
	for {
		page, next := f.page(q)
		if len(page) > q.Limit {
			f.t.Fatalf("a page has %d tasks, the limit is %d", len(page), q.Limit)
		}
		between(len(pages))
		if pages = append(pages, page); next == "" {
			return pages
		}
		q.Cursor = next
	}
}

// wantList checks that q selects exactly the tasks of these numbers, in order.
func (f fixture) wantList(q task.Query, numbers ...int) {
	f.t.Helper()
	page, next := f.page(q)
	if next != "" {
		f.t.Errorf("list %+v: a page without a limit has the cursor %q", q, next)
	}
	f.wantNumbers(page, numbers...)
}

func (f fixture) wantNumbers(got []task.Task, numbers ...int) {
	f.t.Helper()
	want := make([]task.ID, len(numbers))
	for i, n := range numbers {
		want[i] = pending(n).ID
	}
	if diff := cmp.Diff(want, idsOf(got)); diff != "" {
		f.t.Errorf("listed tasks (-want +got):\n%s", diff)
	}
}

func idsOf(tasks []task.Task) []task.ID {
	ids := make([]task.ID, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID
	}
	return ids
}
