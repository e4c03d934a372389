package tasks

import (
	"context"
	"log/slog"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

// shutdown ends the life of a Service (rule T15).
type shutdown struct {
	life    *lifecycle.Lifecycle
	queue   *scheduler.Queue
	runner  *runner.Runner
	metrics task.Metrics
	log     *slog.Logger
	reserve time.Duration // Config.ShutdownReserve
}

// stop is Service.Stop.
func (s *shutdown) stop(ctx context.Context) error {
	if s.life.Refuse() {
		s.refuse(ctx)
	}
	return s.life.Wait(ctx, s.reserve)
}

// refuse begins the shutdown.
func (s *shutdown) refuse(ctx context.Context) {
	active := s.runner.Running.Len()
	waiting := s.queue.Close()
	s.life.Refusing.Pass()
	s.log.InfoContext(ctx, "tasks are stopping", slog.Int("running", active), slog.Int("waiting", len(waiting)))
	s.metrics.Shutdown(active)
	go s.dismiss(s.life.Context(), waiting) //nolint:contextcheck // it goes on when the caller waits no longer
}

// dismiss cancels what waited when the shutdown began.
func (s *shutdown) dismiss(ctx context.Context, waiting []*scheduler.Entry) {
	defer s.life.Leave()
	for _, e := range waiting {
		s.runner.Dismiss(ctx, e)
	}
}
