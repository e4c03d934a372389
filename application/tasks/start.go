package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"heliograph/domain/task"
)

// maxKeyBytes bounds an Idempotency-Key: what stores and proxies take for sure.
const maxKeyBytes = 255

// Start implements task.Service.
func (s *Service) Start(ctx context.Context, typ string, params json.RawMessage, key string) (task.Task, error) {
	if err := s.check(typ, params, key); err != nil {
		return task.Task{}, err
	}
	if !s.enter() {
		return task.Task{}, task.ErrShuttingDown
	}
	defer s.busy.Done()
	if !s.queue.reserve() {
		return s.firstWithKey(ctx, key)
	}
	t, err := s.create(ctx, typ, params, key)
	if err != nil {
		s.queue.release()
		return existing(t, key, err)
	}
	if !s.queue.put(t.ID) {
		_, err := s.Cancel(ctx, t.ID) // Stop came in between: nobody would ever run it
		return task.Task{}, errors.Join(task.ErrShuttingDown, err)
	}
	return t, nil
}

func (s *Service) check(typ string, params json.RawMessage, key string) error {
	handler := s.handler(typ)
	if handler == nil {
		return fmt.Errorf("%w: %q", task.ErrUnknownType, cut(typ, maxKeyBytes))
	}
	if len(key) > maxKeyBytes {
		return fmt.Errorf("%w: the idempotency key has %d bytes, at most %d are allowed", task.ErrInvalidParams, len(key), maxKeyBytes)
	}
	if err := handler.Check(params); err != nil {
		return fmt.Errorf("start %s: %w", typ, err)
	}
	return nil
}

func (s *Service) create(ctx context.Context, typ string, params json.RawMessage, key string) (task.Task, error) {
	return s.store.Create(ctx, task.Task{
		ID: task.ID(s.newID()), Type: typ, Params: params, IdempotencyKey: key,
		Status: task.Pending, Created: time.Now().UTC(), Attempt: 1,
	})
}

// existing returns the task that Create found under the same key (rule T14), or
// the error.
func existing(t task.Task, key string, err error) (task.Task, error) {
	if errors.Is(err, task.ErrDuplicate) && key != "" && t.IdempotencyKey == key {
		return t, nil
	}
	return task.Task{}, fmt.Errorf("record the task: %w", err)
}

// firstWithKey is Start when the queue is full: a task that was started with the
// key before is still the answer. The store finds keys only by creating, so this
// rare case looks through all tasks.
func (s *Service) firstWithKey(ctx context.Context, key string) (task.Task, error) {
	if key == "" {
		return task.Task{}, task.ErrQueueFull
	}
	all, _, err := s.store.List(ctx, task.Query{})
	if err != nil {
		return task.Task{}, fmt.Errorf("look for the idempotency key: %w", err)
	}
	i := slices.IndexFunc(all, func(t task.Task) bool { return t.IdempotencyKey == key })
	if i < 0 {
		return task.Task{}, task.ErrQueueFull
	}
	return all[i], nil
}
