package following

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

const (
	// pause is how long a session waits when an output cannot be read now.
	pause = time.Second
	// recheck is how long it waits for news before it looks by itself: news of other nodes
	// may be lost while the connection to them is.
	recheck = 30 * time.Second
)

// session is one stream's followings. One goroutine sends, one event at a time.
type session struct {
	service *Service
	token   connection.Token
	wake    chan struct{} // has a signal when a following may have something
	again   chan struct{} // has a signal when the event under way may be lost
	ended   chan struct{} // closed when the stream has ended

	mu       sync.Mutex
	followed []*following // in the order in which they are looked at; guarded by mu
	over     bool         // ended is closed; guarded by mu
}

// following is one task that the stream follows.
type following struct {
	task  task.ID
	ready atomic.Bool // there may be something
	stop  func()      // ends the news
	from  int64       // guarded by session.mu
	round int         // counts the calls of Follow for the task; guarded by session.mu
}

func newSession(s *Service, token connection.Token) *session {
	return &session{service: s, token: token, wake: make(chan struct{}, 1), again: make(chan struct{}, 1), ended: make(chan struct{})}
}

// signal leaves a signal, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// add has the session follow a task, or go on at another offset. Errors: output.ErrTooMany.
func (s *session) add(f output.Followed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there := s.findLocked(f.Task); there != nil {
		there.from = f.Offset
		there.round++
		there.ready.Store(true)
		signal(s.wake)
		return nil
	}
	if len(s.followed) >= MaxFollowed {
		return output.ErrTooMany
	}
	fresh := &following{task: f.Task, from: f.Offset}
	fresh.ready.Store(true)
	fresh.stop = s.service.deps.Outputs.Follow(f.Task, func() { // without a lock: the caller has some
		fresh.ready.Store(true)
		signal(s.wake)
	})
	s.followed = append(s.followed, fresh)
	signal(s.wake)
	return nil
}

func (s *session) findLocked(id task.ID) *following {
	if n := slices.IndexFunc(s.followed, func(f *following) bool { return f.task == id }); n >= 0 {
		return s.followed[n]
	}
	return nil
}

// remove ends the following of a task.
func (s *session) remove(id task.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.findLocked(id); f != nil {
		s.removeLocked(f)
		signal(s.wake)
	}
}

func (s *session) removeLocked(f *following) {
	f.stop()
	s.followed = slices.DeleteFunc(s.followed, func(other *following) bool { return other == f })
}

// idle reports whether nothing is followed.
func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.followed) == 0
}

// end says that the stream has ended.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		close(s.ended)
	}
}

// retry says that the event under way may be lost.
func (s *session) retry() { signal(s.again) }

// serve sends until nothing is followed any more, or the stream or ctx ends.
func (s *session) serve(ctx context.Context) {
	defer s.clear()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, s.end)() // whatever waits for the one need not wait for the other
	for {
		f, from, round := s.next()
		switch {
		case f != nil:
			if !s.send(ctx, f, from, round) {
				return
			}
		case s.service.leave(s), !s.wait():
			return
		}
	}
}

// clear ends all followings.
func (s *session) clear() {
	s.service.forget(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.followed {
		f.stop()
	}
	s.followed = nil
}

// next returns a following that may have something, each in its turn, or nil.
func (s *session) next() (f *following, from int64, round int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, f := range s.followed {
		if f.ready.Swap(false) {
			s.followed = append(slices.Delete(s.followed, n, n+1), f)
			return f, f.from, f.round
		}
	}
	return nil, 0, 0
}

// wait waits for news. It returns false if there will be none.
func (s *session) wait() bool {
	late := time.NewTimer(recheck)
	defer late.Stop()
	select {
	case <-s.wake:
		return true
	case <-late.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, f := range s.followed {
			f.ready.Store(true)
		}
		return true
	case <-s.ended:
		return false
	case <-s.service.stopping:
		return s.hasNews()
	}
}

// hasNews reports whether there is a signal, which it takes.
func (s *session) hasNews() bool {
	select {
	case <-s.wake:
		return true
	default:
		return false
	}
}

// send sends one event of a following, if there is one. It returns false if the stream
// takes no more.
func (s *session) send(ctx context.Context, f *following, from int64, round int) bool {
	chunk, err := s.service.deps.Outputs.Next(ctx, f.task, from, s.service.cfg.readBytes())
	wrong, moved := errors.AsType[*output.OffsetError](err)
	switch {
	case errors.Is(err, task.ErrNotFound): // it was removed, so it has ended
		chunk = output.Chunk{Piece: output.Piece{Offset: from}, Length: from, Closed: true}
	case moved: // the store has lost its newest
		s.advance(f, round, output.Chunk{Piece: output.Piece{Offset: wrong.Length}, Length: wrong.Length + 1})
		return true
	case err != nil:
		f.ready.Store(true)
		return s.pause(ctx, f.task, err)
	}
	ev, sent, err := s.service.cfg.eventOf(f.task, from, chunk)
	if err != nil {
		s.service.deps.Log.ErrorContext(ctx, "output cannot be sent", slog.String("task_id", string(f.task)), slog.Any("error", err))
		return false
	}
	if !ev.IsZero() && !s.deliver(ctx, ev) {
		return false
	}
	s.advance(f, round, sent)
	return true
}

// advance notes what the stream has got, unless the task is followed anew since.
func (s *session) advance(f *following, round int, sent output.Chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.round != round {
		return
	}
	f.from = sent.End()
	if sent.Complete() {
		s.removeLocked(f)
	} else if sent.End() < sent.Length {
		f.ready.Store(true)
	}
}

// pause waits until an output can perhaps be read again.
func (s *session) pause(ctx context.Context, id task.ID, why error) bool {
	s.service.deps.Log.WarnContext(ctx, "output cannot be read, trying again", slog.String("task_id", string(id)), slog.Any("error", why))
	later := time.NewTimer(pause)
	defer later.Stop()
	select {
	case <-later.C:
		return true
	case <-s.ended:
		return false
	}
}

// deliver returns when the stream has written ev, or the gateway has it. It returns false
// if the stream takes no more.
func (s *session) deliver(ctx context.Context, ev event.Event) bool {
	for {
		written := make(chan struct{})
		parts := 0
		err := s.service.deps.Sender.SendParts(ctx, s.token, func() (*gateway.Part, bool) {
			if parts++; parts > 1 {
				close(written)
				return nil, false
			}
			return gateway.NewPart(ev), true
		})
		if err != nil {
			if !errors.Is(err, gateway.ErrUnknownToken) && !errors.Is(err, gateway.ErrClosed) {
				s.service.deps.Log.WarnContext(ctx, "output could not be sent to a stream, which follows nothing any more", slog.Any("error", err))
			}
			return false
		}
		select {
		case <-written:
			return true
		case <-s.again:
		case <-s.ended:
			return false
		}
	}
}
