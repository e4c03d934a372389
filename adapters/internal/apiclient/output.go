package apiclient

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"heliograph/domain/task"
)

// OutputPart is a part of what a task has printed.
type OutputPart struct {
	Text []byte
	Gap  int64 // how many bytes are gone before Text
	Next int64 // where the next part begins, in bytes

	current, closed bool // there is no more now; there will be none
}

// pollTimeout is more than the service waits for output.
const pollTimeout = 30 * time.Second

// OutputEnd returns how many bytes a task has printed. Errors: *Error, ErrUnreachable.
func (c *Client) OutputEnd(ctx context.Context, id task.ID) (int64, error) {
	part, err := c.outputPart(ctx, http.MethodHead, id, "", answerTimeout)
	return part.Next, err
}

// ReadOutput calls write with what a task has printed, from an offset on. With follow it goes
// on until the task has ended, and waits for a service that is away. Errors: *Error,
// ErrUnreachable, that of write, ctx's.
func (c *Client) ReadOutput(ctx context.Context, id task.ID, from int64, follow bool, write func(OutputPart) error) error {
	read := OutputPart{Next: from}
	for !read.closed {
		query, timeout := "?offset="+strconv.FormatInt(read.Next, 10), answerTimeout
		if read.current {
			query, timeout = query+"&live=long-poll", pollTimeout
		}
		next := func() (OutputPart, error) {
			part, err := c.outputPart(ctx, http.MethodGet, id, query, timeout)
			if err != nil && (!follow || IsRefusal(err)) {
				err = backoff.Permanent(err)
			}
			return part, err
		}
		part, err := backoff.Retry(ctx, next, backoff.WithMaxElapsedTime(maxOutage))
		if err != nil {
			return err
		}
		if err := write(part); err != nil {
			return err
		}
		if part.current && !follow {
			return nil
		}
		read = part
	}
	return nil
}

func (c *Client) outputPart(ctx context.Context, method string, id task.ID, query string, timeout time.Duration) (part OutputPart, err error) {
	a, err := c.send(ctx, timeout, method, taskPath(id)+"/output"+query, nil, nil)
	if err != nil {
		return part, err
	}
	if a.status >= http.StatusMultipleChoices {
		return part, errorOf(a.status, a.body)
	}
	part = OutputPart{Text: a.body, current: a.header.Get("Stream-Up-To-Date") == "true", closed: a.header.Get("Stream-Closed") == "true"}
	if part.Next, err = strconv.ParseInt(a.header.Get("Stream-Next-Offset"), 10, 64); err != nil {
		return part, fmt.Errorf("%w: it answered without the output's place", ErrUnreachable)
	}
	part.Gap, _ = strconv.ParseInt(a.header.Get("Heliograph-Gap"), 10, 64) // 0 where there is none
	return part, nil
}
