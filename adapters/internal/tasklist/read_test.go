package tasklist_test

import (
	"fmt"
	"testing"
	"time"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

func TestAPageLooksAtSoManyTasksAndTheNextGoesOn(t *testing.T) { // T16, A9
	t.Parallel()
	set := tasklist.NewSet()
	for n := range 3*tasklist.MaxRead + 1 {
		one := task.Task{ID: task.ID(fmt.Sprint(n)), Created: noon.Add(time.Duration(n)), Status: task.Completed}
		if n == 0 {
			one.Labels = task.Labels{"rare": "yes"}
		}
		set.Put(one, noon)
		one.ID, one.Audience = "of bob "+one.ID, &access.Audience{Subjects: []string{"bob"}}
		set.Put(one, noon) // which the viewer does not see, and which is not looked at
	}
	rare := task.Query{Limit: 1, Labels: []task.Label{{Key: "rare", Value: "yes"}}, Viewer: &access.Viewer{Subject: "ann"}}
	for call := range 4 {
		page, next, err := set.List(rare)
		if last := call == 3; err != nil || last != (next == "") || last != (len(page) == 1) {
			t.Errorf("call %d has %d tasks, next %q, %v", call, len(page), next, err)
		}
		rare.Cursor = next
	}
	rare.Limit, rare.Cursor = 0, "" // everything at once, for the service itself
	if page, next, err := set.List(rare); err != nil || len(page) != 1 || next != "" {
		t.Errorf("without a limit it has %d tasks, next %q, %v", len(page), next, err)
	}
}
