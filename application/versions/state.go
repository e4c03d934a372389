package versions

import (
	"context"
	"sync"

	"heliograph/domain/event"
	"heliograph/domain/version"
)

// Known is what this node knows of versions. The log feeds it, before the
// streams get the same event: whoever is sent what is known is not sent what is
// older than the log says. It is safe for concurrent use.
type Known struct {
	mu      sync.RWMutex
	ballot  ballot          // guarded by mu
	current version.Version // what rule V1 sends; guarded by mu
	told    bool            // current was broadcast; guarded by mu
	telling bool            // current is being broadcast; guarded by mu
	queued  uint64          // versions made pending or announced so far; guarded by mu
	live    bool            // the log is heard as it grows; guarded by mu
}

// NewKnown returns what is known at first: nothing.
func NewKnown() *Known { return &Known{} }

// Receiver returns next, fed after k is.
func (k *Known) Receiver(next event.Receiver) event.Receiver { return receiver{known: k, next: next} }

type receiver struct {
	known *Known
	next  event.Receiver
}

// Receive implements event.Receiver.
func (r receiver) Receive(ctx context.Context, rec event.Record) {
	if rec.Event.Name == version.EventName {
		r.known.hear(rec.Event)
	}
	r.next.Receive(ctx, rec)
}

// hear takes in a version event of any node. What the log held before is the
// current version, too, but of another time: it has no vote against the source.
func (k *Known) hear(ev event.Event) {
	v, err := version.Parse(ev.Data)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.queued++
	if err != nil || ev.Topic != version.CurrentTopic {
		return
	}
	k.current, k.told = v, true
	if k.live {
		k.ballot.settled = v
	}
}

// recall takes in what the board said, if the log has not said anything newer.
func (k *Known) recall(v version.Version) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = true
	if k.current.IsZero() && !v.IsZero() {
		k.current, k.told = v, true
	}
}

// advanceLocked makes the version that counts the current one, and reports whether
// it is still to be told. While one is being told it leaves that to the next call.
func (k *Known) advanceLocked() (news bool) {
	if k.telling {
		return true
	}
	if k.ballot.settled.Name() != k.current.Name() {
		k.told = false
	}
	k.current = k.ballot.settled
	return !k.told
}
