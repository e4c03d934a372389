package tasklist_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// audiences are some that tasks of a test are for.
var audiences = []*access.Audience{
	nil,
	{Subjects: []string{"ann"}},
	{Subjects: []string{"bob", "ann"}, Roles: []string{"staff"}},
	{Roles: []string{"staff", "sales"}},
	{RequestIDs: []string{"tab"}},
	{Subjects: []string{"bob"}, RequestIDs: []string{"tab"}},
	{},
}

// viewers are some that see different ones of them.
var viewers = []*access.Viewer{
	nil, {}, {All: true}, {Subject: "ann"}, {Subject: "bob", Single: true}, {Subject: "ann", Roles: []string{"staff", "sales"}, RequestID: "tab"}, {RequestID: "tab"},
}

// owners are some that tasks of a test have; "" is none.
var owners = []string{"", "ann", "bob"}

// listed says the same as Set.List, by looking at all tasks.
func listed(all map[task.ID]task.Task, q task.Query) (ids map[task.ID]bool) {
	ids = make(map[task.ID]bool)
	for _, t := range all {
		if tasklist.Selects(q, &t) && (q.Viewer == nil || t.Audience.Includes(*q.Viewer)) {
			ids[t.ID] = true
		}
	}
	return ids
}

func TestAListForAViewerIsWhatAPlainListSays(t *testing.T) { // A9, A12
	t.Parallel()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 2))
		set, all := tasklist.NewSet(), map[task.ID]task.Task{}
		for range 80 {
			one := task.Task{
				ID: task.ID(fmt.Sprint(random.IntN(20))), Audience: audiences[random.IntN(len(audiences))],
				Owner: owners[random.IntN(3)], Created: noon.Add(time.Duration(random.IntN(5)) * time.Second), Status: task.Statuses()[random.IntN(5)], FinalEventPending: random.IntN(2) == 0,
			}
			if random.IntN(2) == 0 {
				one.Labels = task.Labels{"page": []string{"exports", "imports"}[random.IntN(2)]} // T16
			}
			if seed%10 == 0 { // what is for everyone and has no owner, until the last
				one.Audience, one.Owner = audiences[len(all)/20], owners[len(all)/20]
			}
			if random.IntN(4) == 0 {
				set.Remove(one.ID)
				delete(all, one.ID)
			} else {
				set.Put(one, noon)
				all[one.ID] = one
			}
			q := task.Query{Unfinished: random.IntN(3) == 0, Unsettled: random.IntN(3) == 0, Viewer: viewers[random.IntN(len(viewers))], Owner: owners[max(0, random.IntN(6)-3)], Limit: 1 + random.IntN(4)}
			if random.IntN(3) == 0 {
				q.Labels = []task.Label{{Key: "page", Value: "exports"}}
			}
			if diff := cmp.Diff(listed(all, q), pagesOf(t, set, q)); diff != "" {
				t.Fatalf("seed %d, %+v for %+v (-want +got):\n%s", seed, q, q.Viewer, diff)
			}
		}
	}
}

// pagesOf returns what is on all pages, and checks that nothing is there twice.
func pagesOf(t *testing.T, set *tasklist.Set, q task.Query) (ids map[task.ID]bool) {
	t.Helper()
	ids = make(map[task.ID]bool)
	for {
		page, next, err := set.List(q)
		if err != nil || len(page) > q.Limit || next != "" && len(page) < q.Limit {
			t.Fatalf("a page of %d tasks with the cursor %q, %v", len(page), next, err)
		}
		for _, one := range page {
			if ids[one.ID] {
				t.Fatalf("%s is there twice", one.ID)
			}
			ids[one.ID] = true
		}
		if q.Cursor = next; next == "" {
			return ids
		}
	}
}

func TestGroupsWithoutTasksAreForgotten(t *testing.T) { // G4
	t.Parallel()
	set := tasklist.NewSet()
	for n := range 100 {
		name := fmt.Sprint("subject-", n)
		set.Put(task.Task{ID: task.ID(name), Created: noon, Owner: name, Audience: &access.Audience{Subjects: []string{name, name}}}, noon)
		set.Remove(task.ID(name))
	}
	if got := set.Groups(); got > 1 { // that of everyone's
		t.Errorf("%d groups are left", got)
	}
}

// What a page or a snapshot costs a viewer must not depend on how much others have.
func BenchmarkListForViewer(b *testing.B) {
	ann := &access.Viewer{Subject: "ann", Roles: []string{"staff", "sales", "ops"}, RequestID: "tab"}
	for name, q := range map[string]task.Query{
		"page": {Viewer: ann, Limit: 50}, "snapshot": {Viewer: ann, Unfinished: true}, "none/page": {Viewer: &access.Viewer{Subject: "carl", Single: true}, Limit: 50},
		"anybody/page": {Limit: 50},
	} {
		for _, foreign := range []int{0, 100_000} {
			set := tasklist.NewSet()
			for n := range foreign {
				owner := &access.Audience{Subjects: []string{fmt.Sprint("subject-", n%1000)}}
				set.Put(task.Task{ID: task.ID(fmt.Sprint("foreign-", n)), Created: noon.Add(time.Duration(n)), Status: task.Pending, Audience: owner}, noon)
			}
			for n := range 100 {
				set.Put(task.Task{ID: task.ID(fmt.Sprint("own-", n)), Created: noon.Add(time.Duration(1000 * n)), Status: task.Pending, Audience: audiences[n%4]}, noon)
			}
			b.Run(fmt.Sprintf("%s/foreign=%d", name, foreign), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := set.List(q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// Tasks that are for everyone, as without authentication.
func BenchmarkListForAnybody(b *testing.B) {
	set := tasklist.NewSet()
	for n := range 10_000 {
		set.Put(task.Task{ID: task.ID(fmt.Sprint(n)), Created: noon.Add(time.Duration(n)), Status: task.Pending}, noon)
	}
	for name, q := range map[string]task.Query{"page": {Limit: 50}, "everything": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := set.List(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPut(b *testing.B) {
	for _, audience := range audiences[:3] {
		b.Run(fmt.Sprintf("keys=%d", len(audience.Keys())-1), func(b *testing.B) {
			set := tasklist.NewSet()
			one := task.Task{ID: "a", Created: noon, Status: task.Running, Audience: audience}
			set.Put(one, noon)
			b.ReportAllocs()
			for b.Loop() {
				set.Put(one, noon)
			}
		})
	}
}
