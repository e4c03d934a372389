package versions

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/version"
)

const (
	// broadcastTime limits one broadcast of the source's version. It is short because the
	// service may be about to stop.
	broadcastTime = 5 * time.Second
	// broadcastWait is how long a connection whose look-up found a new version waits for
	// its broadcast, before it is sent the previous version.
	broadcastWait = time.Second
)

// broadcaster puts versions into the log, from where all clients get them. It is safe
// for concurrent use.
type broadcaster struct {
	publisher event.Publisher
	state     *State
	storage   *storage
	log       *slog.Logger

	draining  atomic.Bool   // nothing is broadcast any more (rule V7)
	requested chan struct{} // asks Serve to broadcast the source's version

	mu      sync.Mutex
	attempt chan struct{} // closed when Serve has tried to broadcast; guarded by mu
}

func newBroadcaster(publisher event.Publisher, state *State, storage *storage, log *slog.Logger) *broadcaster {
	return &broadcaster{
		publisher: publisher, state: state, storage: storage, log: log,
		requested: make(chan struct{}, 1), attempt: make(chan struct{}),
	}
}

// publish puts v into the log. Errors: those of event.Publisher.
func (b *broadcaster) publish(ctx context.Context, v version.Version, topic string) (version.Logged, error) {
	id, err := b.publisher.Publish(ctx, toEvent(v, topic))
	if err != nil {
		return version.Logged{}, fmt.Errorf("broadcast version %s: %w", v.Name(), err)
	}
	return version.Logged{Version: v, At: id}, nil
}

// toEvent makes the event of v, whether it goes to all or to one.
func toEvent(v version.Version, topic string) event.Event {
	return event.Event{Service: event.ServiceVersion, Name: version.EventName, Data: v.Payload(), Topic: topic}
}

// broadcastSource broadcasts the source's version, unless it was broadcast already. If
// that fails, the next fresh answer of the source triggers another attempt. Only Start
// and Serve call it, so that the log has the versions in the order in which they counted.
func (b *broadcaster) broadcastSource(ctx context.Context) {
	defer b.endAttempt()
	v := b.state.beginBroadcast()
	defer b.state.endBroadcast()
	if v.IsZero() || b.draining.Load() {
		return
	}
	// Do not stop between publishing and saving: after a restart the source's answer
	// would count as new and be broadcast again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), broadcastTime)
	defer cancel()
	logged, err := b.publish(ctx, v, version.SourceTopic)
	if err != nil {
		b.log.WarnContext(ctx, "version change was not broadcast, it will be tried again", slog.Any("error", err))
		return
	}
	b.state.setSource(logged)
	b.log.InfoContext(ctx, "current version announced", slog.String("version", v.Name()))
	// The current slot first: if only that is stored, the version is broadcast twice at worst.
	b.storage.save(ctx, logged, version.SlotCurrent, version.SlotSource)
	_ = b.state.awaitApplied(ctx, logged.At) // callers of awaitBroadcast read it next
}

// request has Serve broadcast the source's version, and reports whether there is one
// that was not broadcast yet. It does not broadcast itself, because that may take long.
func (b *broadcaster) request() bool {
	if b.state.toBroadcast().IsZero() {
		return false
	}
	signal(b.requested)
	return true
}

// awaitBroadcast has Serve broadcast the source's version, and returns when Serve has
// tried, after broadcastWait, or when ctx ends; at once if there is nothing to broadcast.
func (b *broadcaster) awaitBroadcast(ctx context.Context) {
	b.mu.Lock()
	ended := b.attempt
	b.mu.Unlock()
	if !b.request() {
		return
	}
	limit := time.NewTimer(broadcastWait)
	defer limit.Stop()
	select {
	case <-ended:
	case <-limit.C:
	case <-ctx.Done():
	}
}

// endAttempt makes all waiting calls of awaitBroadcast return.
func (b *broadcaster) endAttempt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.attempt)
	b.attempt = make(chan struct{})
}

// signal wakes the reader of c, which has room for one value.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
