package natsbroker

import (
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

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
