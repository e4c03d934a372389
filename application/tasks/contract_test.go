package tasks_test

import (
	"context"
	"testing"
	"time"

	"heliograph/domain/task"
	"heliograph/test/contract/taskworkerscontract"
)

func TestWorkersContract(t *testing.T) {
	taskworkerscontract.Run(t, func(t *testing.T) taskworkerscontract.Subject {
		f := newFixture(t)
		hasty := far(task.Policy{Lease: 50 * time.Millisecond, Attempts: 2, Backoff: time.Millisecond})
		hasty.Name = "hasty"
		f.build(far(task.Policy{}), hasty, work(succeed))
		if err := f.StartWorkers(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ended, end := context.WithCancel(context.WithoutCancel(t.Context()))
			end()
			_ = f.Stop(ended) // nobody ends what is left over
			f.stop(time.Minute)
		})
		return taskworkerscontract.Subject{
			Workers: f, Tasks: f, Reader: f, Steady: "far", Hasty: "hasty", Inside: "work",
		}
	})
}
