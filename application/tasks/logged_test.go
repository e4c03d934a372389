package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

func TestOutputOfAFailedCommandIsNotLogged(t *testing.T) { // issue 17, 18
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			return nil, errors.New("the command ended with exit status 1:\nthe password is " + strings.Repeat("s3cret ", 100))
		}))
		id := f.run()
		pass(time.Second)
		if got := f.wantStatus(id, task.Failed); !strings.Contains(got.Error, "s3cret") {
			t.Errorf("the status lost the output: %q", got.Error)
		}
		if f.logs.Has("s3cret") || !f.logs.Has("exit status 1") {
			t.Errorf("the log has the output, or not why the command failed:\n%s", f.logs)
		}
		f.stop(time.Second)
	})
}
