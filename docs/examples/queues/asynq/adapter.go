package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"

	"heliograph/docs/examples/workers/heliograph"
)

// Shown returns a handler of jobs, each attempt at which is shown as a task of the type: the
// service learns of its progress and its end. An error that is permanent, or that somebody
// has cancelled the task, keeps asynq from trying again.
func Shown(service *heliograph.Service, typ string, params func(*asynq.Task) any, work heliograph.Work) asynq.HandlerFunc {
	return func(ctx context.Context, job *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		attempt, _ := asynq.GetRetryCount(ctx)
		err := service.Run(ctx, heliograph.Start{
			Type: typ, Params: params(job), Key: fmt.Sprintf("%s/%d", id, attempt), Labels: map[string]string{"job": id},
		}, work)
		if heliograph.IsPermanent(err) || errors.Is(err, heliograph.ErrCancelled) {
			return errors.Join(asynq.SkipRetry, err)
		}
		return err
	}
}
