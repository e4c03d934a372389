package tasks_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"heliograph/domain/task"
	"heliograph/test/contract/taskreadercontract"
	"heliograph/test/contract/taskservicecontract"
	"heliograph/test/contract/taskworkerscontract"
)

func TestWorkersContract(t *testing.T) {
	taskworkerscontract.Run(t, func(t *testing.T) taskworkerscontract.Subject {
		f := newFixture(t)
		hasty := outsideType(task.Policy{Lease: 50 * time.Millisecond, Attempts: 2, Backoff: time.Millisecond})
		hasty.Name = "hasty"
		retrying := outsideType(task.Policy{Attempts: 2, RetryFailures: true, Backoff: time.Millisecond})
		retrying.Name = "retrying"
		f.build(outsideType(task.Policy{}), hasty, retrying, work(succeed))
		if err := f.StartWorkers(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ended, end := context.WithCancel(context.WithoutCancel(t.Context()))
			end()
			_ = f.Stop(ended) // no worker ends what is left over
			f.stop(time.Minute)
		})
		return taskworkerscontract.Subject{
			Workers: f, Tasks: f, Reader: f, Steady: "outside", Hasty: "hasty", Retrying: "retrying", Inside: "work",
		}
	})
}

// picky is a type for workers outside that takes no params but objects.
func picky(name string) task.Type {
	t := outsideType(task.Policy{})
	t.Name, t.Handler = name, objects{t.Handler}
	return t
}

type objects struct{ task.Handler }

func (objects) Check(params json.RawMessage) error {
	if len(params) > 0 && params[0] != '{' {
		return task.ErrInvalidParams
	}
	return nil
}

// contractFixture is a running service with two types for workers outside.
func contractFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.cfg.QueueSize, f.cfg.ScheduledMax = places, scheduledMax
	f.build(picky("one"), picky("two"))
	if err := f.StartWorkers(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, end := context.WithCancel(context.WithoutCancel(t.Context()))
		end()
		_ = f.Stop(ended) // no worker ends what is left over
		f.stop(time.Minute)
	})
	return f
}

const places, scheduledMax = 8, 3

// claimed has the oldest task of the type running.
func (f *fixture) claimed(leases map[task.ID]task.Lease, typ string) task.ID {
	f.t.Helper()
	c, err := f.Claim(f.t.Context(), []string{typ}, "")
	if err != nil {
		f.t.Fatalf("claim: %v", err)
	}
	leases[c.Task.ID] = c.Lease
	return c.Task.ID
}

func TestServiceContract(t *testing.T) {
	taskservicecontract.Run(t, func(t *testing.T) taskservicecontract.Subject {
		f, leases := contractFixture(t), map[task.ID]task.Lease{}
		return taskservicecontract.Subject{
			Tasks: f, Reader: f, Type: "one", BadParams: json.RawMessage(`[1]`), Places: places, Scheduled: scheduledMax,
			Begin: func(*testing.T) task.ID { return f.claimed(leases, "one") },
			Complete: func(t *testing.T, id task.ID) {
				t.Helper()
				if err := f.Complete(t.Context(), id, leases[id], nil); err != nil {
					t.Fatal(err)
				}
			},
			Stop: func(*testing.T) { f.stop(time.Minute) },
		}
	})
}

func TestReaderContract(t *testing.T) {
	taskreadercontract.Run(t, func(t *testing.T) taskreadercontract.Subject {
		f, leases := contractFixture(t), map[task.ID]task.Lease{}
		return taskreadercontract.Subject{
			Reader: f, Type: "one", Other: "two", MaxEventBytes: 64 << 10,
			Start: func(t *testing.T, r task.Request) task.ID {
				t.Helper()
				started, err := f.Start(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				return started.ID
			},
			Begin: func(_ *testing.T, typ string) task.ID { return f.claimed(leases, typ) },
			Complete: func(t *testing.T, id task.ID, result json.RawMessage) {
				t.Helper()
				if err := f.Complete(t.Context(), id, leases[id], result); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}
