package versions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/version"
)

// Current implements version.Service. With the source's answer unchanged it is the
// current version, which may have been announced since (rule V6).
func (s *Service) Current(ctx context.Context) (version.Version, error) {
	answer, err := s.lookUp(ctx, s.cfg.CacheTTL)
	known := s.state.view()
	switch current := known.current.Version; {
	case err == nil && !answer.Same(known.source.Version):
		return answer, nil // it may not count yet
	case !current.IsZero():
		return current, nil
	case !known.latest.IsZero():
		return known.latest, nil
	default:
		return version.Version{}, forClients(err)
	}
}

// forClients returns the source's err without its cause, which may name addresses and
// paths that clients must not see. The cause is in the log (see logFailure).
func forClients(err error) error {
	if why, ok := errors.AsType[*version.SourceError](err); ok {
		return &version.SourceError{Reason: why.Reason}
	}
	for _, known := range []error{version.ErrNoSource, version.ErrUnavailable} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// lookUp asks the source and counts its answer. All look-ups, for the watcher, for
// connections and for callers, go through it. A failure is logged here. Errors: those of version.Source.
func (s *Service) lookUp(ctx context.Context, maxAge time.Duration) (version.Version, error) {
	answer, err := s.source.Current(ctx, maxAge)
	if err == nil {
		err = s.checkSource(answer.Version)
	}
	if err != nil {
		s.logFailure(ctx, err)
		return version.Version{}, err
	}
	if s.failure.Swap(nil) != nil {
		s.log.InfoContext(ctx, "version source answers again")
	}
	if s.nodes.Leads() {
		s.state.count(answer)
		s.wakeIfNews()
	}
	return answer.Version, nil
}

// checkSource turns an answer that is too large to be sent into a failure of the source.
func (s *Service) checkSource(v version.Version) error {
	if err := s.checkSize(v); err != nil {
		return &version.SourceError{Reason: err.Error()}
	}
	return nil
}

// logFailure logs the first of several failures, and each that has another reason.
// The end of a caller's context is no failure, and neither is that there is no source.
func (s *Service) logFailure(ctx context.Context, err error) {
	if !errors.Is(err, version.ErrUnavailable) || errors.Is(err, version.ErrNoSource) {
		return
	}
	reason := forClients(err).Error()
	if before := s.failure.Swap(&reason); before == nil || *before != reason {
		s.log.WarnContext(ctx, "version source fails", slog.Any("error", err))
	}
}
