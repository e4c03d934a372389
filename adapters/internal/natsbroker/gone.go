package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// lookInterval is how often it is looked whether all streams are still there.
	lookInterval = 5 * time.Second
	// lookTime is for one look.
	lookTime = 2 * time.Second
)

// ErrGone says that somebody has deleted a stream or a bucket that was opened here.
// What this process knows of it is true no more, and only a restart makes it anew.
var ErrGone = errors.New("a stream or bucket was deleted or made anew")

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

// look asks whether all streams are the ones that were opened. Errors: ErrGone. That
// no answer comes is none.
func (b *Broker) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	for name, made := range b.opened.all() {
		s, err := b.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && !s.CachedInfo().Created.Equal(made) {
			return fmt.Errorf("%w: %s", ErrGone, name)
		}
	}
	return nil
}
