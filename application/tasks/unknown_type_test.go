package tasks_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

func TestAWaitingTaskWhoseTypeIsGoneAfterARestartFails(t *testing.T) { // T2, T11
	for name, alone := range map[string]bool{"alone": true, "among other nodes": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.link.durable = true
				f.start(outsideType(task.Policy{}))
				id := f.begin("outside")
				f.stop(time.Minute)

				next := f.restarted()
				next.nodes.alone = alone
				next.start(work(succeed))
				if !alone { // another one may know it
					next.wantStatus(id, task.Pending)
					return
				}
				if got := next.wantStatus(id, task.Failed); got.ErrorCode != task.CodeUnknownType || !strings.Contains(got.Error, `"outside"`) {
					t.Errorf("the error is %q", got.Error)
				}
				next.wantEvents(id, task.EventQueued, task.EventStarted, task.EventFailed)
				next.wantStatus(next.run(), task.Completed)
				next.stop(time.Minute)
				next.wantLawful()
			})
		})
	}
}
