package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heliograph/application/tasks/records"
	"heliograph/domain/task"
)

// Start implements task.Service.
func (s *Service) Start(ctx context.Context, typ string, params json.RawMessage, key string) (task.Task, error) {
	if !s.life.Enter() {
		return task.Task{}, task.ErrShuttingDown
	}
	defer s.life.Leave()
	if err := s.check(typ, params, key); err != nil {
		return s.firstWithKey(ctx, key, err)
	}
	if !s.queue.Reserve(typ, len(params)) {
		return s.firstWithKey(ctx, key, task.ErrQueueFull)
	}
	t, err := s.create(ctx, typ, params, key)
	if err != nil {
		s.queue.Release(typ, len(params))
		return existing(t, key, err)
	}
	if !s.queue.Put(t, len(params)) && !s.store.Outlives() {
		_, err := s.Cancel(ctx, t.ID) // Stop came in between: it would never be run
		return task.Task{}, errors.Join(task.ErrShuttingDown, err)
	}
	return t, nil
}

func (s *Service) check(typ string, params json.RawMessage, key string) error {
	known := s.queue.Type(typ)
	if known == nil {
		return fmt.Errorf("%w: %q", task.ErrUnknownType, records.Cut(typ, task.MaxKeyBytes))
	}
	if len(key) > task.MaxKeyBytes {
		return fmt.Errorf("%w: the idempotency key has %d bytes, at most %d are allowed", task.ErrInvalidParams, len(key), task.MaxKeyBytes)
	}
	if err := known.Handler.Check(params); err != nil {
		return fmt.Errorf("start %s: %w", typ, err)
	}
	return nil
}

// create records the task. A store that fails may have done so all the same, so
// it is asked again once, and then knows the task.
func (s *Service) create(ctx context.Context, typ string, params json.RawMessage, key string) (task.Task, error) {
	t := task.Task{
		ID: task.ID(s.newID()), Type: typ, Params: params, IdempotencyKey: key,
		Status: task.Pending, Created: time.Now().UTC(), Attempt: 1,
	}
	stored, err := s.store.Create(ctx, t)
	if err == nil || errors.Is(err, task.ErrDuplicate) {
		return stored, err
	}
	stored, err = s.store.Create(ctx, t)
	if errors.Is(err, task.ErrDuplicate) && stored.ID == t.ID {
		return stored, nil
	}
	return stored, err
}

// existing returns the task that Create found under the same key (rule T14), or
// the error.
func existing(t task.Task, key string, err error) (task.Task, error) {
	if errors.Is(err, task.ErrDuplicate) && key != "" && t.IdempotencyKey == key {
		return t, nil
	}
	return task.Task{}, fmt.Errorf("record the task: %w", err)
}

// firstWithKey is Start when a new task would be refused: one that was started with
// the key before is still the answer (rule T14).
func (s *Service) firstWithKey(ctx context.Context, key string, refusal error) (task.Task, error) {
	if key == "" || len(key) > task.MaxKeyBytes {
		return task.Task{}, refusal
	}
	t, err := s.store.ByKey(ctx, key)
	if errors.Is(err, task.ErrNotFound) {
		return task.Task{}, refusal
	}
	if err != nil {
		return task.Task{}, fmt.Errorf("look for the idempotency key: %w", err)
	}
	return t, nil
}
