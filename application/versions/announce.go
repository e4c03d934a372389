package versions

import (
	"context"
	"fmt"
	"log/slog"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// Announce implements version.Service (rules V2, V7). When the broadcast fails, v
// is pending all the same.
func (s *Service) Announce(ctx context.Context, id connection.RequestID, v version.Version) error {
	if err := s.checkSize(v); err != nil {
		return err
	}
	s.announcing.Lock()
	defer s.announcing.Unlock()
	if s.draining.Load() {
		return version.ErrShuttingDown
	}
	if err := s.queue(ctx, id, v); err != nil {
		return err
	}
	_, err := s.dispatcher.Broadcast(ctx, toEvent(v, version.Topic))
	return err
}

// queue makes v the pending version of id, unless that is "". Under announcing.
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

// tell makes the version that counts the current one and broadcasts it, unless
// somebody just did. Should that fail, the next fresh answer has it tried again.
func (s *Service) tell(ctx context.Context) {
	s.announcing.Lock()
	defer s.announcing.Unlock()
	v, news := s.advance()
	if !news || s.draining.Load() {
		return
	}
	err := s.board.Put(ctx, v)
	if err == nil {
		_, err = s.dispatcher.Broadcast(ctx, toEvent(v, version.CurrentTopic))
	}
	if err != nil {
		s.log.WarnContext(ctx, "version change was not broadcast, it will be tried again", slog.Any("error", err))
		return
	}
	s.log.InfoContext(ctx, "current version announced", slog.String("version", v.Name()))
	s.mu.Lock()
	s.told = true
	s.mu.Unlock()
}

// advance makes the version that counts the current one, and reports whether it
// is still to be told. Under announcing.
func (s *Service) advance() (v version.Version, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ballot.settled.Name() != s.current.Name() {
		s.told = false
	}
	s.current = s.ballot.settled
	return s.current, !s.told
}
