package apiclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"heliograph/adapters/internal/taskjson"
)

const (
	// pollInterval is for a service that has no stream for us.
	pollInterval = time.Second
	// maxOutage is how long a service may be unreachable before Follow gives up:
	// longer than a restart takes.
	maxOutage = 45 * time.Second
)

// errEnded ends the following of a task that has ended.
var errEnded = errors.New("the task has ended")

// Follow calls show, from its own goroutine, with t and then whenever more is
// known of the task, never with an older seq (rule T3), and returns it as it
// ended. It reads the stream, and asks for the status where there is none.
// Errors: *Error when the service does not know the task any more, ErrUnreachable
// when it was away for too long, ctx's.
func (c *Client) Follow(ctx context.Context, t taskjson.Task, show func(taskjson.Task)) (taskjson.Task, error) {
	f := &follower{client: c, show: show, known: t}
	show(t)
	err := f.readStream(ctx)
	if errors.Is(err, errNoStream) {
		err = f.poll(ctx)
	}
	if errors.Is(err, errEnded) {
		err = nil
	}
	return f.known, err
}

// follower is the state of one call of Follow. It is owned by that call's goroutine.
type follower struct {
	client *Client
	show   func(taskjson.Task)
	known  taskjson.Task
	listed bool // the parts of a snapshot so far had the task
}

// poll asks for the status until the task has ended.
func (f *follower) poll(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if err := f.refresh(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// refresh takes over the task's status. It tries again while the service is
// away. Errors: errEnded, and Follow's.
func (f *follower) refresh(ctx context.Context) error {
	t, err := backoff.Retry(ctx, func() (taskjson.Task, error) {
		t, err := f.client.Status(ctx, f.known.ID)
		if IsRefusal(err) {
			err = backoff.Permanent(err)
		}
		return t, err
	}, backoff.WithMaxElapsedTime(maxOutage))
	if err != nil {
		return fmt.Errorf("ask for the task's status: %w", err)
	}
	return f.update(t)
}

// update takes over t unless it is older than what is known. With the same seq a
// status can still say more: that a cancellation was requested. Errors: errEnded.
func (f *follower) update(t taskjson.Task) error {
	if t.Seq >= f.known.Seq {
		f.known = t
		f.show(t)
	}
	if f.known.Status.Terminal() {
		return errEnded
	}
	return nil
}
