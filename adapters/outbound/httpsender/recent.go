package httpsender

import (
	"sync"

	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
	"heliograph/domain/event"
)

// defaultHistory is how much of the log is kept by default, in bytes.
const defaultHistory = 8 << 20

// recent keeps the newest log events by whom they are for, from the first one on that is
// not for everyone: a client that comes back is given its own without a look at those of
// others, and is not told that it missed something if only others did (rule A13). Without
// such events the broker's history does as well. It is safe for concurrent use.
type recent struct {
	limit int // of bytes

	mu    sync.Mutex
	epoch string               // of the log; guarded by mu
	log   *audience.Log[*body] // nil until there is something to keep; guarded by mu
}

// add adds the event of a place that follows those before.
func (r *recent) add(id event.ID, b *body, a *access.Audience) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case id.IsZero(), r.log == nil && a == nil:
		return
	case r.log == nil, r.epoch != id.Epoch:
		r.epoch, r.log = id.Epoch, audience.NewLog[*body](id.Seq-1, r.limit)
	case id.Seq <= r.log.Newest():
		return // it came again
	}
	r.log.Append(id.Seq, a.Keys(), frameSize+len(b.fields), b)
}

// after returns the events after id up to the place upTo that are for v, which take no
// more than maxReplay bytes. known is false if it cannot tell. Errors: event.ErrExpired
// for more than that.
func (r *recent) after(v access.Viewer, id, upTo event.ID) (missed []*message, known bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log == nil || id.Epoch != r.epoch || upTo.Epoch != r.epoch {
		return nil, false, nil
	}
	keys := v.Keys()
	if id.Seq < r.log.Dropped(keys) || id.Seq > r.log.Newest() {
		return nil, false, nil
	}
	page, more := r.log.Page(keys, id.Seq, upTo.Seq, maxReplay)
	if more {
		return nil, true, event.ErrExpired
	}
	for _, e := range page {
		missed = append(missed, &message{body: e.Value, id: event.ID{Epoch: r.epoch, Seq: e.Seq}})
	}
	return missed, true, nil
}
