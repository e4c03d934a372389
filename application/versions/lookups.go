package versions

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/version"
)

// atOnce is how long the source may take for its answer to count as known at once.
const atOnce = 25 * time.Millisecond

// endedContext is a context that has already ended.
var endedContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// lookups asks the source, for the watcher, for connections and for callers, and has
// its answers counted. It is safe for concurrent use.
type lookups struct {
	source      version.Source
	maxAge      time.Duration // of an answer for connections and callers
	limits      sizeLimits
	nodes       cluster.Nodes
	state       *State
	broadcaster *broadcaster
	log         *slog.Logger
	failure     atomic.Pointer[string] // why the last look-up failed; nil: it did not
}

// current implements version.Service's Current. With the source's answer unchanged it
// is the current version, which may have been announced since (rule V6).
func (l *lookups) current(ctx context.Context) (version.Version, error) {
	answer, err := l.lookUp(ctx, l.maxAge)
	known := l.state.view()
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

// watch asks the source if this node is the one that watches it, and reports whether it
// has answered.
func (l *lookups) watch(ctx context.Context, maxAge time.Duration) (answered bool) {
	if !l.nodes.Leads() {
		return false
	}
	_, err := l.lookUp(ctx, maxAge) // a failure is in the log
	return err == nil
}

// answersAtOnce reports whether a connection need not wait for the source.
func (l *lookups) answersAtOnce(ctx context.Context) bool {
	if !l.state.isRestored() {
		return false
	}
	if !l.nodes.Leads() {
		return true
	}
	if l.maxAge < atOnce {
		return false // an answer that comes too late here would not be counted (rule V8)
	}
	// Usually the source was asked a moment ago; then no timer is needed.
	if _, err := l.source.Current(endedContext, l.maxAge); !errors.Is(err, context.Canceled) { //nolint:contextcheck // it is to wait for nothing
		return true
	}
	limited, cancel := context.WithTimeout(ctx, atOnce)
	defer cancel()
	_, _ = l.source.Current(limited, l.maxAge) // Connected asks again, and gets the same
	return limited.Err() == nil
}

// lookUp asks the source, counts its answer, and has a new version broadcast. A failure
// is logged. Errors: those of version.Source.
func (l *lookups) lookUp(ctx context.Context, maxAge time.Duration) (version.Version, error) {
	answer, err := l.source.Current(ctx, maxAge)
	if err == nil {
		err = l.checkSource(answer.Version)
	}
	if err != nil {
		l.logFailure(ctx, err)
		return version.Version{}, err
	}
	if l.failure.Swap(nil) != nil {
		l.log.InfoContext(ctx, "version source answers again")
	}
	if l.nodes.Leads() {
		l.state.count(answer)
		l.broadcaster.request()
	}
	return answer.Version, nil
}

// checkSource turns an answer that is too large to be sent into a failure of the source.
func (l *lookups) checkSource(v version.Version) error {
	if err := l.limits.check(v); err != nil {
		return &version.SourceError{Reason: err.Error()}
	}
	return nil
}

// logFailure logs the first of several failures, and each that has another reason.
// The end of a caller's context is no failure, and neither is that there is no source.
func (l *lookups) logFailure(ctx context.Context, err error) {
	if !errors.Is(err, version.ErrUnavailable) || errors.Is(err, version.ErrNoSource) {
		return
	}
	reason := forClients(err).Error()
	if before := l.failure.Swap(&reason); before == nil || *before != reason {
		l.log.WarnContext(ctx, "version source fails", slog.Any("error", err))
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
