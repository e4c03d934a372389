package versions

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// Announce implements version.Service (rules V2, V7). When the broadcast fails, v
// is pending all the same.
func (s *Service) Announce(ctx context.Context, id connection.RequestID, v version.Version) error {
	if err := s.checkSize(v); err != nil {
		return err
	}
	end, err := s.turns.take(ctx, id)
	if err != nil {
		return err
	}
	defer end()
	if s.draining.Load() {
		return version.ErrShuttingDown
	}
	if err := s.queue(ctx, id, v); err != nil {
		return err
	}
	_, err = s.dispatcher.Broadcast(ctx, toEvent(v, version.Topic))
	return err
}

// queue makes v the pending version of id, unless that is "". In id's turn.
func (s *Service) queue(ctx context.Context, id connection.RequestID, v version.Version) error {
	if id == "" {
		return nil
	}
	err := s.pending.Put(ctx, id, v)
	s.mu.Lock()
	s.queued++ // also after an error: it may be there
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("queue version for %s: %w", id, err)
	}
	return nil
}

// tellTime is for one broadcast of the current version: short, for the service may be
// about to stop.
const tellTime = 5 * time.Second

// tell broadcasts the current version unless that was done. Should it fail, the next
// fresh answer has it tried again. It is for Serve alone, so that the log has the
// versions in the order in which they counted.
func (s *Service) tell(ctx context.Context) {
	v, news := s.beginTelling()
	if !news {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime) // half told is worse than told late
	defer cancel()
	err := s.board.Put(ctx, v)
	if err == nil {
		_, err = s.dispatcher.Broadcast(ctx, toEvent(v, version.CurrentTopic))
	}
	s.endTelling(err == nil)
	if err != nil {
		s.log.WarnContext(ctx, "version change was not broadcast, it will be tried again", slog.Any("error", err))
		return
	}
	s.log.InfoContext(ctx, "current version announced", slog.String("version", v.Name()))
}

// beginTelling returns the current version if it is to be told. It does not change
// until endTelling.
func (s *Service) beginTelling() (v version.Version, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.telling = s.advanceLocked() && !s.draining.Load()
	return s.current, s.telling
}

func (s *Service) endTelling(told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.telling = false
	if told {
		s.told = true
	}
}
