package tasks

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

// work runs one task after the other until the queue is closed.
func (s *Service) work(ctx context.Context) {
	for {
		id, ok := s.queue.next()
		if !ok {
			return
		}
		s.attempt(ctx, id)
		s.queue.release()
	}
}

// attempt runs a task once, unless it was cancelled while it waited.
func (s *Service) attempt(ctx context.Context, id task.ID) {
	runCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.register(id, cancel)
	t, err := s.begin(ctx, id)
	if err != nil {
		s.unregister(id)
		s.logNotBegun(ctx, id, err)
		return
	}
	seq := newSequencer(t.Seq, s.limits.text)
	pumped := s.pump(ctx, t, seq)
	c := s.call(runCtx, t, seq)
	e, gaveUp := s.await(runCtx, cancel, c)
	last := seq.close()
	<-pumped
	s.end(ctx, id, last, e)
	if gaveUp != nil {
		s.leave(ctx, t, c, gaveUp.patience)
	}
}

func (s *Service) register(id task.ID, cancel context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[id] = cancel
}

func (s *Service) unregister(id task.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
}

// begin makes the record running and then tells of it.
func (s *Service) begin(ctx context.Context, id task.ID) (task.Task, error) {
	t, err := s.modify(ctx, id, func(t *task.Task) error {
		t.Status, t.Started = task.Running, time.Now().UTC()
		t.Seq++
		return nil
	})
	if err == nil {
		s.broadcast(ctx, newEvent(task.EventStarted, t, t.Started))
	}
	return t, err
}

func (s *Service) logNotBegun(ctx context.Context, id task.ID, err error) {
	if errors.Is(err, errTransition) || errors.Is(err, task.ErrNotFound) {
		return // it was cancelled, and perhaps removed, while it waited
	}
	s.log.ErrorContext(ctx, "task could not be begun", slog.String("task_id", string(id)), slog.Any("error", err))
}

// pump starts the one goroutine that stores and then broadcasts a running task's
// progress; the pace of both is its own. The channel is closed when it is done,
// which it is soon after seq was closed.
func (s *Service) pump(ctx context.Context, t task.Task, seq *sequencer) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range seq.wake {
			if n, waited := seq.take(); waited {
				s.progress(ctx, t.ID, n)
			}
		}
	}()
	return done
}

func (s *Service) progress(ctx context.Context, id task.ID, n note) {
	t, err := s.modify(ctx, id, func(t *task.Task) error {
		t.Progress, t.Seq = n.progress, n.seq
		return nil
	})
	if err != nil {
		s.log.ErrorContext(ctx, "task progress could not be recorded", slog.String("task_id", string(id)), slog.Any("error", err))
		return
	}
	e := newEvent(task.EventProgress, t, n.at)
	e.Data = n.progress
	s.broadcast(ctx, e)
}
