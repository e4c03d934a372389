package limits

import (
	"context"
	"fmt"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// retryStart is when a subject over its number of tasks may try again: one of the others
// may have ended by then.
const retryStart = 5 * time.Second

// Tasks bounds the tasks that each subject and address starts. It is safe for concurrent
// use.
type Tasks struct {
	task.Service

	cfg              Config
	reader           task.Reader
	subject, address *rates
}

// NewTasks returns next with limits. reader is asked for the tasks of a subject.
func NewTasks(cfg Config, next task.Service, reader task.Reader) *Tasks {
	return &Tasks{
		Service: next, cfg: cfg, reader: reader,
		subject: newRates(cfg.Subject.Starts), address: newRates(cfg.Address.Starts),
	}
}

// Start implements task.Service. Errors: also *access.LimitError.
func (t *Tasks) Start(ctx context.Context, r task.Request) (task.Task, error) {
	p := access.FromContext(ctx)
	subject := ""
	if p != nil {
		subject = p.Subject
	}
	if wait, ok := t.subject.take(subject); !ok {
		return task.Task{}, t.cfg.refuse("subject_starts", "starts of one subject", wait)
	}
	if wait, ok := t.address.take(addressKey(access.AddressFromContext(ctx))); !ok {
		return task.Task{}, t.cfg.refuse("address_starts", "starts from one address", wait)
	}
	full, err := t.full(ctx, subject)
	if err != nil {
		return task.Task{}, fmt.Errorf("count the tasks of the subject: %w", err)
	}
	if full {
		return task.Task{}, t.cfg.refuse("subject_tasks", "unfinished tasks of one subject", retryStart)
	}
	return t.Service.Start(ctx, r)
}

// full reports whether the subject has as many unfinished tasks as it may. Starts at the
// same time may each see room for one more.
func (t *Tasks) full(ctx context.Context, subject string) (bool, error) {
	limit := t.cfg.Subject.Tasks
	if limit <= 0 || subject == "" {
		return false, nil
	}
	q := task.Query{Unfinished: true, Owner: subject, Limit: limit}
	own, _, err := t.reader.List(ctx, q)
	return len(own) >= limit, err
}
