package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/task"
)

func TestAHandlerKnowsWhichTaskItRuns(t *testing.T) { // T14, T16
	synctest.Test(t, func(t *testing.T) {
		known := make(chan task.Execution, 1)
		f := newFixture(t).start(work(func(ctx context.Context, _ task.Reporter) (json.RawMessage, error) {
			e, ok := task.FromContext(ctx)
			if !ok {
				return nil, errors.New("it knows nothing")
			}
			known <- e
			return nil, nil
		}))
		labels := task.Labels{"page": "exports"}
		started, err := f.Start(t.Context(), task.Request{Type: "work", Labels: labels, Owner: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		f.wantStatus(started.ID, task.Completed)
		want := task.Execution{ID: started.ID, Attempt: 1, Labels: labels, Owner: "ann"}
		if diff := cmp.Diff(want, <-known); diff != "" {
			t.Errorf("it knows (-want +got):\n%s", diff)
		}
	})
}
