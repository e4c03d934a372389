package versions

import (
	"context"

	"heliograph/domain/version"
)

var _ version.Overview = (*Service)(nil)

// Standing implements version.Overview.
func (s *Service) Standing(ctx context.Context, pending int) (version.Standing, error) {
	waiting, more, err := s.greeter.pending.List(ctx, pending)
	if err != nil {
		return version.Standing{}, err
	}
	standing := s.state.standing()
	standing.Pending, standing.MorePending = waiting, more
	standing.Watches = s.lookups.nodes.Leads()
	if failure := s.lookups.failure.Load(); failure != nil {
		standing.Failure = *failure
	}
	return standing, nil
}

// standing returns what s knows of it.
func (s *State) standing() version.Standing {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := &s.ballot
	known := version.Standing{
		Current: s.current.Version, Announced: s.current.At != s.source.At, Asked: b.latest.At, Needed: max(b.needed, 1),
	}
	if !b.latest.Version.IsZero() && !b.latest.Version.Same(b.settled) {
		known.Candidate, known.Confirmations = b.latest.Version, b.row
		if b.latest.Version.Name() == b.settled.Name() {
			known.Confirmations = b.sameRow
		}
	}
	return known
}
