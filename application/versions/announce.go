package versions

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// Announce implements version.Service (rules V2, V6, V7).
func (s *Service) Announce(ctx context.Context, id connection.RequestID, v version.Version) error {
	if err := s.checkSize(v); err != nil {
		return err
	}
	if id == "" {
		return s.announceToAll(ctx, v)
	}
	return s.announceFor(ctx, id, v)
}

// announceToAll makes v the current version.
func (s *Service) announceToAll(ctx context.Context, v version.Version) error {
	if s.draining.Load() {
		return version.ErrShuttingDown
	}
	logged, err := s.publish(ctx, v, version.AnnouncedTopic)
	if err != nil {
		return err
	}
	s.save(ctx, logged, version.SlotCurrent)
	return nil
}

// announceFor makes v the pending version of id. When the broadcast fails, v is
// pending all the same.
func (s *Service) announceFor(ctx context.Context, id connection.RequestID, v version.Version) error {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if s.draining.Load() {
		return version.ErrShuttingDown
	}
	err = s.pending.Put(ctx, id, v)
	s.state.countChange() // also after an error: it may have been stored
	if err != nil {
		return fmt.Errorf("queue version for %s: %w", id, err)
	}
	_, err = s.publish(ctx, v, version.PendingTopic)
	return err
}

const (
	// tellTime limits one broadcast of the source's version. It is short because the
	// service may be about to stop.
	tellTime = 5 * time.Second
	// tellWait is how long a connection whose look-up found a new version waits for
	// its broadcast, before it is sent the previous version.
	tellWait = time.Second
)

// tell broadcasts the source's version, unless it was broadcast already. If that fails,
// the next fresh answer of the source triggers another attempt. Only Start and Serve
// call it, so that the log has the versions in the order in which they counted.
func (s *Service) tell(ctx context.Context) {
	defer s.endAttempt()
	v := s.state.beginTelling()
	defer s.state.endTelling()
	if v.IsZero() || s.draining.Load() {
		return
	}
	// Do not stop between publishing and saving: after a restart the source's answer
	// would count as new and be broadcast again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	logged, err := s.publish(ctx, v, version.SourceTopic)
	if err != nil {
		s.log.WarnContext(ctx, "version change was not broadcast, it will be tried again", slog.Any("error", err))
		return
	}
	s.state.setTold(logged)
	s.log.InfoContext(ctx, "current version announced", slog.String("version", v.Name()))
	// The current slot first: if only that is stored, the version is broadcast twice at worst.
	s.save(ctx, logged, version.SlotCurrent, version.SlotSource)
	_ = s.state.awaitApplied(ctx, logged.At) // callers of awaitTold read it next
}

// wakeIfNews has Serve broadcast the source's version, if that was not done yet. It
// does not broadcast itself, because that may take long.
func (s *Service) wakeIfNews() {
	if !s.state.toTell().IsZero() {
		signal(s.wake)
	}
}

// awaitTold has Serve broadcast the source's version, and returns when Serve has tried,
// after tellWait, or when ctx ends; at once if there is nothing to broadcast.
func (s *Service) awaitTold(ctx context.Context) {
	s.mu.Lock()
	ended := s.attempt
	s.mu.Unlock()
	if s.state.toTell().IsZero() {
		return
	}
	signal(s.wake)
	limit := time.NewTimer(tellWait)
	defer limit.Stop()
	select {
	case <-ended:
	case <-limit.C:
	case <-ctx.Done():
	}
}

// endAttempt makes all waiting calls of awaitTold return.
func (s *Service) endAttempt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.attempt)
	s.attempt = make(chan struct{})
}
