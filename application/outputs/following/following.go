// Package following has browsers' streams carry the output of tasks (rule T22).
//
// A stream that follows tasks has one session, and a session has one event under way: the
// next is made when the gateway says that the stream has written that one. So a stream that
// is slow holds one event, however much its tasks print and however many they are, and what
// it has not got is still where it is kept. Locks: Service's, then a session's.
package following

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

const (
	// MaxFollowed is how many tasks one connection may follow: more than a page shows at
	// a time. It bounds what a client can make the service remember.
	MaxFollowed = 32
	// lastTime is for what the streams have not got yet when the service stops.
	lastTime = 2 * time.Second
)

// Outputs are what is followed.
type Outputs interface {
	output.Reader

	// Next is Read for a caller that knows of the task already.
	Next(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error)
	// Follow has news called when there may be more, until stop is called.
	Follow(id task.ID, news func()) (stop func())
}

// Config bounds the events.
type Config struct {
	// MaxEventBytes bounds a payload (rule E8), and MaxWritten what it takes as a JSON
	// string; 0 is no bound.
	MaxEventBytes, MaxWritten int
}

// Deps are the ports that a Service uses.
type Deps struct {
	Outputs  Outputs
	Registry connection.Registry
	Sender   gateway.Sender
	Control  gateway.Control
	Log      *slog.Logger
}

// Service implements output.Followers, for the streams of all nodes, and
// connections.Followings, for those of this one. It is safe for concurrent use.
type Service struct {
	cfg  Config
	deps Deps

	running  sync.WaitGroup
	ctx      context.Context //nolint:containedctx // sessions outlive the requests that begin them
	cancel   context.CancelFunc
	stopping chan struct{} // closed when nothing new is followed

	mu       sync.Mutex
	sessions map[connection.Token]*session // guarded by mu
	stopped  bool                          // guarded by mu
}

var _ output.Followers = (*Service)(nil)

// New returns a Service. It starts nothing; Stop must be called when it is not needed any
// more.
func New(cfg Config, deps Deps) *Service {
	s := &Service{cfg: cfg, deps: deps, stopping: make(chan struct{}), sessions: map[connection.Token]*session{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Follow implements output.Followers.
func (s *Service) Follow(ctx context.Context, id connection.RequestID, f output.Followed) error {
	c, err := s.deps.Registry.ByRequestID(ctx, id)
	if err != nil {
		return fmt.Errorf("follow a task: %w", err)
	}
	if _, err := s.deps.Outputs.Read(ctx, f.Task, f.Offset, 1); err != nil {
		return err
	}
	return s.at(ctx, c, f)
}

// Unfollow implements output.Followers.
func (s *Service) Unfollow(ctx context.Context, id connection.RequestID, t task.ID) error {
	c, err := s.deps.Registry.ByRequestID(ctx, id)
	if err != nil {
		return fmt.Errorf("unfollow a task: %w", err)
	}
	return s.at(ctx, c, output.Followed{Task: t, Ends: true})
}

// at does f at the node that has the stream.
func (s *Service) at(ctx context.Context, c connection.Connection, f output.Followed) error {
	if s.deps.Control.Owns(c.Node) {
		return s.FollowHere(ctx, c, f)
	}
	err := s.deps.Control.Follow(ctx, c.Node, c.Token, f)
	if errors.Is(err, gateway.ErrNodeAway) {
		return fmt.Errorf("%w: %w", connection.ErrUnavailable, err)
	}
	return err
}

// FollowHere is Follow, or if f ends that Unfollow, for a connection of this node. Errors:
// connection.ErrNotFound, connection.ErrUnavailable, output.ErrTooMany,
// output.ErrShuttingDown.
func (s *Service) FollowHere(ctx context.Context, c connection.Connection, f output.Followed) error {
	if f.Ends {
		if session := s.session(c.Token); session != nil {
			session.remove(f.Task)
		}
		return nil
	}
	if err := s.follow(c.Token, f); err != nil {
		return err
	}
	// A stream that ends is taken out of the registry before Ended is called: one of both
	// finds the other.
	if _, err := s.deps.Registry.ByToken(ctx, c.Token); err != nil {
		s.Ended(c.Token)
		return err
	}
	return nil
}

func (s *Service) follow(token connection.Token, f output.Followed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return output.ErrShuttingDown
	}
	there := s.sessions[token]
	if there == nil {
		there = newSession(s, token)
		s.sessions[token] = there
		s.running.Go(func() { there.serve(s.ctx) })
	}
	return there.add(f)
}

func (s *Service) session(token connection.Token) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[token]
}

// Ended says that a stream has ended, and its followings with it.
func (s *Service) Ended(token connection.Token) {
	s.mu.Lock()
	there := s.sessions[token]
	delete(s.sessions, token)
	s.mu.Unlock()
	if there != nil {
		there.end()
	}
}

// Connected implements connection.Observer: a stream that is told of again has lost events,
// maybe the one that is under way.
func (s *Service) Connected(_ context.Context, c connection.Connection) error {
	if there := s.session(c.Token); there != nil {
		there.retry()
	}
	return nil
}

// leave takes a session out if it follows nothing, and reports whether that is so.
func (s *Service) leave(there *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := there.idle()
	if idle && s.sessions[there.token] == there {
		delete(s.sessions, there.token)
	}
	return idle
}

// forget takes a session out.
func (s *Service) forget(there *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[there.token] == there {
		delete(s.sessions, there.token)
	}
}

// Count returns how many streams follow tasks, for metrics.
func (s *Service) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Stop refuses new followings, and returns when the streams have got what there is, after
// two seconds, or when ctx ends. It may be called twice.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lastTime)
	defer cancel()
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	s.running.Wait()
	s.cancel()
	return nil
}
