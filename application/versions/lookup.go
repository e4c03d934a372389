package versions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"heliograph/domain/version"
)

// Current implements version.Service: what the source says, confirmed or not, or
// what it said last (rule V6).
func (s *Service) Current(ctx context.Context) (version.Version, error) {
	v, err := s.lookUp(ctx, s.cfg.CacheTTL)
	if err == nil {
		return v, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, last := range []version.Version{s.ballot.latest.Version, s.current} {
		if !last.IsZero() {
			return last, nil
		}
	}
	return version.Version{}, err
}

// lookUp asks the source and has its answer count; whoever asks, all answers come
// this way. A failure is logged here. Errors: version.ErrUnavailable, ctx.Err().
func (s *Service) lookUp(ctx context.Context, maxAge time.Duration) (version.Version, error) {
	answer, err := s.source.Current(ctx, maxAge)
	if err == nil {
		err = s.checkSource(answer.Version)
	}
	if err != nil {
		s.failed(ctx, err)
		return version.Version{}, err
	}
	if s.failing.Swap(false) {
		s.log.InfoContext(ctx, "version source answers again")
	}
	if s.nodes.Leads() && s.count(answer) {
		select {
		case s.news <- struct{}{}: // Serve tells, for that may take long
		default:
		}
	}
	return answer.Version, nil
}

// checkSource makes an answer that cannot be sent one that was not given.
func (s *Service) checkSource(v version.Version) error {
	if err := s.checkSize(v); err != nil {
		// Without %w: the mistake is the source's, not the caller's.
		return fmt.Errorf("%w: %s", version.ErrUnavailable, err.Error())
	}
	return nil
}

// failed logs the first of several failures. That a caller had no more time is
// none.
func (s *Service) failed(ctx context.Context, err error) {
	if errors.Is(err, version.ErrUnavailable) && !s.failing.Swap(true) {
		s.log.WarnContext(ctx, "version source fails", slog.Any("error", err))
	}
}

// count has the ballot take answer if it is a fresh one, and reports whether there
// is something to tell.
func (s *Service) count(answer version.Answer) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ballot.fresh(answer) {
		return false
	}
	s.ballot.take(answer)
	return s.advanceLocked()
}
