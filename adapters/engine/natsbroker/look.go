package natsbroker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
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

// opened is when the streams that were opened here were made, by name. It is safe
// for concurrent use; the zero value holds none.
type opened struct {
	mu      sync.Mutex
	streams map[string]time.Time // guarded by mu
}

func (o *opened) note(info *jetstream.StreamInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.streams == nil {
		o.streams = make(map[string]time.Time)
	}
	o.streams[info.Config.Name] = info.Created
}

func (o *opened) all() map[string]time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.streams)
}

// checkStreams asks whether all streams are the ones that were opened, and can be written to,
// which Check says from then on. Errors: ErrStreamDeleted. That no answer comes is none.
func (b *Broker) checkStreams(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var found error
	for name, made := range b.opened.all() {
		err := b.checkStream(limited, name, made)
		if errors.Is(err, ErrStreamDeleted) {
			b.looked.set(err)
			return err
		}
		found = cmp.Or(found, err)
	}
	if ctx.Err() != nil {
		return nil // that says nothing of NATS
	}
	if found == nil {
		b.written.set(nil)
	}
	if once := b.unanswered; errors.Is(found, ErrNoAnswer) {
		if b.unanswered = true; !once { // a busy machine, or one that chooses a leader
			return nil
		}
	} else {
		b.unanswered = false
	}
	b.looked.set(found)
	return nil
}

func (b *Broker) checkStream(ctx context.Context, name string, made time.Time) error {
	if b.server != nil && !b.cfg.InMemory && b.server.lacks(name) {
		return ErrFolderDeleted
	}
	s, err := b.js.Stream(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && !s.CachedInfo().Created.Equal(made):
		return fmt.Errorf("%w: %s", ErrStreamDeleted, name)
	case err != nil:
		return fmt.Errorf("%w: stream %s: %w", ErrNoAnswer, name, err)
	case s.CachedInfo().Config.Sealed:
		return fmt.Errorf("%w: %s", ErrSealed, name)
	default:
		b.manifest.note(s.CachedInfo(), b.markers.of(name), false)
		return CheckLeader(s.CachedInfo().Cluster)
	}
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
