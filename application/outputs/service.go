// Package outputs is the use cases of what tasks print (rules T21 to T23): workers outside
// append to it, and so do handlers; readers get it, and wait for more.
//
// Nothing here is part of the log of events, and an output that nobody reads costs what
// storing it costs.
package outputs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heliograph/domain/output"
	"heliograph/domain/task"
)

// recheck is how long a reader waits for news before it looks by itself: news of other
// nodes may be lost while the connection to them is.
const recheck = 30 * time.Second

// Leases says who may write.
type Leases interface {
	// KeepLease renews the lease of a worker outside. Errors: those of
	// task.Workers' Progress.
	KeepLease(ctx context.Context, id task.ID, lease task.Lease) error
}

// Tasks are the tasks whose output it is.
type Tasks interface {
	Get(ctx context.Context, id task.ID) (task.Task, error)
	Watch(changed func(task.Task)) (stop func())
}

// Service implements output.Writer and output.Reader. It is safe for concurrent use.
type Service struct {
	store  output.Store
	tasks  Tasks
	leases Leases
	feeds  feeds

	stop     sync.Once
	stopping chan struct{}
}

var (
	_ output.Writer = (*Service)(nil)
	_ output.Reader = (*Service)(nil)
)

// New returns a Service. Stop must be called when it is not needed any more.
func New(store output.Store, tasks Tasks, leases Leases) *Service {
	s := &Service{store: store, tasks: tasks, leases: leases, stopping: make(chan struct{})}
	s.feeds.init(store, tasks)
	return s
}

// Stop ends all waiting. It may be called twice.
func (s *Service) Stop(context.Context) error {
	s.stop.Do(func() {
		close(s.stopping)
		s.feeds.unwatch()
	})
	return nil
}

// Append implements output.Writer.
func (s *Service) Append(ctx context.Context, id task.ID, lease task.Lease, offset int64, text []byte) (int64, error) {
	if err := output.Check(text); err != nil {
		return 0, err
	}
	if err := s.leases.KeepLease(ctx, id, lease); err != nil {
		return 0, err
	}
	if offset < 0 && len(text) == 0 {
		return s.store.Length(ctx, id)
	}
	return s.store.Append(ctx, id, offset, text)
}

// Read implements output.Reader.
func (s *Service) Read(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	t, err := s.tasks.Get(ctx, id)
	if err == nil && t.Removed {
		err = task.ErrNotFound
	}
	if err != nil {
		return output.Chunk{}, fmt.Errorf("output of task %s: %w", id, err)
	}
	if from < 0 {
		if from, err = s.store.Length(ctx, id); err != nil {
			return output.Chunk{}, err
		}
	}
	return s.Next(ctx, id, from, limit)
}

// Next is Read for a caller that knows of the task already.
func (s *Service) Next(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	c, err := s.store.Read(ctx, id, from, limit)
	if err != nil || c.End() < c.Length {
		return c, err
	}
	t, err := s.tasks.Get(ctx, id)
	if err != nil || !t.Status.Terminal() {
		return c, err
	}
	// What a task printed is stored before its end is, but maybe not before it was read.
	c.Length, err = s.store.Length(ctx, id)
	c.Closed = true
	return c, err
}

// Await implements output.Reader.
func (s *Service) Await(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	feed := s.feeds.open(id)
	defer s.feeds.close(id, feed)
	for {
		news := feed.news()
		c, err := s.Read(ctx, id, from, limit)
		if err != nil || len(c.Text) > 0 || c.Complete() {
			return c, err
		}
		from = c.Offset // not the end of a moment later, if that is what was asked for
		if err := s.wait(ctx, news); err != nil {
			return c, err
		}
	}
}

func (s *Service) wait(ctx context.Context, news <-chan struct{}) error {
	late := time.NewTimer(recheck)
	defer late.Stop()
	select {
	case <-news:
		return nil
	case <-late.C:
		return nil
	case <-s.stopping:
		return output.ErrShuttingDown
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Follow has news called when there may be more of an output, or its task may have ended,
// until stop is called. news must not block or call s.
func (s *Service) Follow(id task.ID, news func()) (stop func()) {
	f := s.feeds.open(id)
	name := f.listen(news)
	return func() {
		f.unlisten(name)
		s.feeds.close(id, f)
	}
}
