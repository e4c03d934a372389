package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

func TestOutputOfAFailedCommandIsNotLogged(t *testing.T) {
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

func TestErrorOfATaskForSomeIsNotLogged(t *testing.T) { // A12
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			return nil, errors.New("no account of ann@example.com")
		}))
		started, err := f.Start(t.Context(), task.Request{
			Type: "work", Audience: access.Choice{Given: true, Audience: &access.Audience{Subjects: []string{"ann"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		f.wantStatus(started.ID, task.Failed)
		if f.logs.Has("ann@example.com") || !f.logs.Has("task ended") {
			t.Errorf("the log has the error, or not that the task ended:\n%s", f.logs.String())
		}
		f.stop(time.Second)
	})
}
