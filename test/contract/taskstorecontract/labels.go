package taskstorecontract

import (
	"testing"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// labelled returns the nth task, with labels.
func labelled(n int, labels task.Labels) task.Task {
	t := pending(n)
	t.Labels = labels
	return t
}

func listLabels(_ *testing.T, f fixture) {
	exports, done := task.Label{Key: "page", Value: "exports"}, task.Label{Key: "done", Value: ""}
	created := f.create(
		pending(1),
		labelled(2, task.Labels{"page": "exports"}),
		labelled(3, task.Labels{"page": "exports", "done": ""}),
		labelled(4, task.Labels{"Page": "exports", "page": "imports"}),
	)
	f.wantList(task.Query{Labels: []task.Label{exports}}, 3, 2)
	f.wantList(task.Query{Labels: []task.Label{exports, done}}, 3)
	f.wantList(task.Query{Labels: []task.Label{exports, exports}}, 3, 2)
	f.wantList(task.Query{Labels: []task.Label{exports, {Key: "page", Value: "imports"}}}) // one key, two values
	f.wantList(task.Query{Labels: []task.Label{{Key: "page"}}})
	f.wantList(task.Query{Labels: []task.Label{{Key: "missing"}}}) // which is not the label without a value
	f.update(created[1], finish(5))
	f.wantList(task.Query{Labels: []task.Label{exports}, Unfinished: true}, 3)
	f.wantList(task.Query{Labels: []task.Label{exports}, Status: task.Completed}, 2)
	f.wantList(task.Query{Labels: []task.Label{exports}}, 3, 2)
	f.remove(created[2])
	f.wantList(task.Query{Labels: []task.Label{done}})
}

func pagesOfLabels(_ *testing.T, f fixture) {
	for n := range 12 {
		f.create(labelled(n, task.Labels{"odd": []string{"no", "yes"}[n%2]}))
	}
	odd := task.Query{Limit: 2, Labels: []task.Label{{Key: "odd", Value: "yes"}}}
	var all []task.Task
	for _, page := range f.pagesOf(odd, func(int) {}) {
		all = append(all, page...)
	}
	f.wantNumbers(all, 11, 9, 7, 5, 3, 1)
}

func listIDs(_ *testing.T, f fixture) {
	f.create(pending(1), forSome(2, access.Audience{Subjects: []string{"ann"}}), pending(3), labelled(4, task.Labels{"a": "b"}))
	ids := func(numbers ...int) (ids []task.ID) {
		for _, n := range numbers {
			ids = append(ids, pending(n).ID)
		}
		return ids
	}
	f.wantList(task.Query{IDs: ids(3, 2, 9, 4, 1)}, 3, 2, 4, 1)
	f.wantList(task.Query{IDs: ids(1, 3, 1), Limit: 1, Cursor: ""}, 1, 3)
	f.wantList(task.Query{IDs: ids(9)})
	f.wantList(task.Query{IDs: ids(3, 2, 1), Viewer: &access.Viewer{Subject: "bob"}}, 3, 1)
	f.wantList(task.Query{IDs: ids(3, 2, 1), Viewer: &access.Viewer{Subject: "ann", Single: true}}, 2)
	f.wantList(task.Query{IDs: ids(3, 4), Labels: []task.Label{{Key: "a", Value: "b"}}}, 4)
	f.update(f.get(ids(3)[0]), finish(5))
	f.wantList(task.Query{IDs: ids(1, 3), Unfinished: true}, 1)
	f.remove(f.get(ids(1)[0]))
	f.wantList(task.Query{IDs: ids(1, 3)}, 3)
}
