package natsbroker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// roomInterval is how often it is tried whether a folder takes something again.
	roomInterval = 2 * time.Second
	// checkInterval is how often it is looked whether all streams can be written to.
	checkInterval = 2 * time.Second
	// checkTime is for one look.
	checkTime = 2 * time.Second
	// goneTime is how long a stream must be gone before that is believed: a server
	// that has just come to lead may not know it all.
	goneTime = 5 * time.Second
	// leaseTime is how long a leader is certain to be the only one after it has heard
	// of most of the servers: they wait four seconds before they choose another.
	leaseTime = 3 * time.Second
)

var (
	// ErrLeaderUncertain says that the server that answers leads the stream as far as it knows,
	// but the others may have a newer leader, which has taken more messages.
	ErrLeaderUncertain = errors.New("the stream's leader is out of touch with the other servers")
	// ErrSealed says that a stream was sealed, so that nothing can be written
	// to it any more.
	ErrSealed = errors.New("a stream is sealed: nothing can be written to it")
	// ErrFolderDeleted says that the embedded server's folder, or a part of it, was deleted
	// while it was in use. Only a restart makes it anew.
	ErrFolderDeleted = errors.New("the data folder was deleted on the disk while it was in use")
)

// ErrStreamDeleted says that a stream or a bucket that was opened here was deleted.
// What this process knows of it is true no more, and only a restart makes it anew.
var ErrStreamDeleted = errors.New("a stream or bucket was deleted or made anew")

// monitor looks again and again whether the streams can be written to, and starts an
// embedded server anew that could not write.
type monitor struct {
	js       jetstream.JetStream
	nc       *nats.Conn
	server   *embedded // nil: the server is elsewhere
	health   *health
	written  *fault // as in Broker
	opened   *opened
	manifest *manifest
	markers  *markers
	log      *slog.Logger

	found      fault // what was wrong at the last look
	unanswered bool  // at the last look; owned by serve
}

// serve implements Broker.Serve.
func (m *monitor) serve(ctx context.Context) error {
	looks := time.NewTicker(checkInterval)
	defer looks.Stop()
	var gone time.Time // since when a stream is; zero: none is
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.health.state().Done():
			m.heal(ctx)
		case <-looks.C:
			err := m.checkStreams(ctx)
			m.saveManifest(ctx, err)
			switch now := time.Now(); {
			case err == nil:
				gone = time.Time{}
			case gone.IsZero():
				gone = now
			case now.Sub(gone) >= goneTime:
				return err
			}
		}
	}
}

// saveManifest does so after a look, which has noted what the streams hold.
func (m *monitor) saveManifest(ctx context.Context, looked error) {
	if looked != nil || m.found.get() != nil {
		return
	}
	if err := m.manifest.save(); err != nil {
		m.log.DebugContext(ctx, "what the data folder holds could not be noted", slog.Any("error", err))
	}
}

// heal returns when the server writes again, or ctx ends.
func (m *monitor) heal(ctx context.Context) {
	for ; ctx.Err() == nil; Pause(ctx, roomInterval) {
		if canWrite(m.server.dir, startRoom) != nil {
			continue
		}
		m.written.set(ErrNoAnswer) // until the connection is one to the new server
		if err := m.server.renew(ctx); err != nil {
			m.log.WarnContext(ctx, "embedded NATS server could not be started anew yet", slog.Any("error", err))
			continue
		}
		m.awaitServer(ctx)
		m.log.InfoContext(ctx, "folder can be written to again, the embedded NATS server was started anew")
		return
	}
}

// awaitServer returns when the new server has answered, or ctx ends.
func (m *monitor) awaitServer(ctx context.Context) {
	for ; ctx.Err() == nil; Pause(ctx, reconnectWait) {
		limited, cancel := context.WithTimeout(ctx, tryTime)
		err := m.nc.FlushWithContext(limited)
		cancel()
		if err == nil {
			m.written.set(nil)
			return
		}
	}
}

// checkStreams asks whether all streams are the ones that were opened, and can be written to,
// which Broker.Check says from then on. Errors: ErrStreamDeleted. That no answer comes is none.
func (m *monitor) checkStreams(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var found error
	for name, made := range m.opened.all() {
		err := m.checkStream(limited, name, made)
		if errors.Is(err, ErrStreamDeleted) {
			m.found.set(err)
			return err
		}
		found = cmp.Or(found, err)
	}
	if ctx.Err() != nil {
		return nil // that says nothing of NATS
	}
	if found == nil {
		m.written.set(nil)
	}
	if once := m.unanswered; errors.Is(found, ErrNoAnswer) {
		if m.unanswered = true; !once { // a busy machine, or one that chooses a leader
			return nil
		}
	} else {
		m.unanswered = false
	}
	m.found.set(found)
	return nil
}

func (m *monitor) checkStream(ctx context.Context, name string, made time.Time) error {
	if m.server != nil && m.server.lacks(name) {
		return ErrFolderDeleted
	}
	s, err := m.js.Stream(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && !s.CachedInfo().Created.Equal(made):
		return fmt.Errorf("%w: %s", ErrStreamDeleted, name)
	case err != nil:
		return fmt.Errorf("%w: stream %s: %w", ErrNoAnswer, name, err)
	case s.CachedInfo().Config.Sealed:
		return fmt.Errorf("%w: %s", ErrSealed, name)
	default:
		m.manifest.note(s.CachedInfo(), m.markers.of(name), false)
		return CheckLeader(s.CachedInfo().Cluster)
	}
}

// recordStreams notes what all streams hold, to which nothing is written any more.
func (m *monitor) recordStreams(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, manifestTime)
	defer cancel()
	for name := range m.opened.all() {
		s, err := m.js.Stream(ctx, name)
		if err != nil {
			return err
		}
		m.manifest.note(s.CachedInfo(), m.markers.of(name), true)
	}
	return m.manifest.save()
}

// CheckLeader returns nil if the leader that reported its cluster is certain to be
// the only one; nil is no cluster. Errors: ErrLeaderUncertain.
func CheckLeader(c *jetstream.ClusterInfo) error {
	if c == nil {
		return nil
	}
	near := 1 // itself
	for _, r := range c.Replicas {
		if !r.Offline && r.Active < leaseTime {
			near++
		}
	}
	if servers := 1 + len(c.Replicas); near <= servers/2 {
		return ErrLeaderUncertain
	}
	return nil
}
