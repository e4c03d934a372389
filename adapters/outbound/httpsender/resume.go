package httpsender

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

const (
	// resumeTime bounds how long a stream waits for what it missed: a gateway gives
	// up after 5 s, and the answer has to get there.
	resumeTime = 4 * time.Second
	// maxReplay bounds what is pushed to a stream that is not open yet, in bytes: a
	// gateway's limit is 256 KiB, and snapshot and version follow.
	maxReplay = 160 << 10
	// frameSize is about what an event takes on a stream beside its texts, in bytes.
	frameSize = 64
	// historyPage is how many events are read at a time.
	historyPage = 256
	// historyPause is between two tries to read them.
	historyPause = 250 * time.Millisecond
	// confirmPause is between two answers that the log has not reached what the client
	// has: a server that has just become leader may not know yet what was accepted
	// before, and a client that is reset for that gets again what it has.
	confirmPause = time.Second
)

// errLater says that what a stream missed cannot be read now, and may be later.
var errLater = errors.New("the log cannot be read")

// resumer sends the clients that come back what they missed. It is safe for concurrent
// use.
type resumer struct {
	*pusher

	trunk   *trunk
	bodies  *gateway.Latest[*body]
	recent  *recent
	history event.History // set by Serve, before the gateway is reached for the first time
	slots   chan struct{} // holds one token for each stream that resumes
	fates   *fateBook
	log     *slog.Logger

	incomplete sync.Map // of the tokens whose streams could not be resumed, until takeIncomplete
}

// resume is Sender.Resume.
func (r *resumer) resume(ctx context.Context, c connection.Connection, lastEventID string) {
	token := c.Token
	v := c.Viewer()
	h := newHold(r.trunk.lanes, token, laneHold)
	defer h.letGo()
	within, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	reason, err := r.catchUp(within, h, v, lastEventID)
	switch {
	case err == nil && h.isBehind(): // what it missed was given up while it waited
		r.incomplete.Store(token, struct{}{})
		return
	case err == nil, errors.Is(err, gateway.ErrUnknownToken), ctx.Err() != nil:
		return // if the gateway has given the stream up, its token is unknown
	case errors.Is(err, errLater):
		r.incomplete.Store(token, struct{}{})
		_ = r.trunk.handOver(newEnd(token)) // or it ends anyway
	default:
		r.incomplete.Store(token, struct{}{})
		h.fallBehind(reason)
	}
	r.log.DebugContext(ctx, "stream could not be resumed", slog.Any("error", err))
}

// takeIncomplete is Sender.Incomplete.
func (r *resumer) takeIncomplete(token connection.Token) bool {
	_, incomplete := r.incomplete.LoadAndDelete(token)
	return incomplete
}

// catchUp pushes what the stream needs. With an error, which is push's or ctx's, it
// needs a stream_reset for this reason; with errLater nothing is known against it,
// and its client must ask again.
func (r *resumer) catchUp(ctx context.Context, h hold, v access.Viewer, lastEventID string) (reason stream.ResetReason, err error) {
	id, parse := event.ParseID(lastEventID)
	upTo, err := h.join(ctx, r.trunk, v, id)
	switch {
	case errors.Is(err, errLater):
		return "", err
	case err != nil && parse == nil && id == upTo:
		return "", nil // whatever becomes of what is under way, the client has it
	}
	if err != nil || !r.trunk.link.capabilities().EventID {
		return stream.ResetExpired, err
	}
	if reason = reset(parse); reason == "" {
		reason, err = r.replay(ctx, h.token, v, id, upTo)
	}
	if err == nil && reason != "" {
		m := newReset(h.token, reason)
		m.id = upTo
		err = r.push(ctx, h.token, m, true)
		if err == nil {
			r.fates.note(h.token, m, diagnosis.Written, "")
		}
	}
	for err == nil {
		id = upTo
		var live bool
		if upTo, live, err = h.goLive(ctx, r.trunk); live {
			return reason, nil
		}
		if err == nil {
			var why stream.ResetReason
			if why, err = r.replay(ctx, h.token, v, id, upTo); why != "" {
				return why, errLater
			}
		}
	}
	return cmp.Or(reason, stream.ResetExpired), err
}

// replay pushes what follows id up to the place upTo and is for v, in order, or returns
// the reason of the stream_reset that has to go out instead. Errors: as push, errLater.
func (r *resumer) replay(ctx context.Context, token connection.Token, v access.Viewer, id, upTo event.ID) (reason stream.ResetReason, err error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return "", fmt.Errorf("%w: too many wait for it", errLater)
	}
	missed, err := r.read(ctx, v, id, upTo)
	switch reason = reset(err); {
	case reason != "":
		return reason, nil
	case err != nil:
		return "", err
	}
	for _, m := range missed {
		m.token, m.replay = token, true
		if err := r.push(ctx, token, m, true); err != nil {
			return stream.ResetExpired, err
		}
		r.fates.noteReplayed(token, m)
	}
	return "", nil
}

// read returns what is missed, and tries again while that is not known for sure. Errors:
// those that call for a stream_reset; errLater once ctx ends.
func (r *resumer) read(ctx context.Context, v access.Viewer, id, upTo event.ID) ([]*message, error) {
	for confirmed := false; ; {
		missed, err := r.missed(ctx, v, id, upTo)
		pause := historyPause
		switch {
		case errors.Is(err, event.ErrInvalidID) && !confirmed:
			confirmed, pause = true, confirmPause
		case err == nil || reset(err) != "":
			return missed, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errLater, err)
		}
	}
}

// missed returns the log events after id up to the place upTo that are for v. Errors:
// those of event.History; ErrExpired also for more than may be pushed or can be read
// before ctx ends.
func (r *resumer) missed(ctx context.Context, v access.Viewer, id, upTo event.ID) (missed []*message, err error) {
	if missed, known, err := r.recent.after(v, id, upTo); known {
		return missed, err
	}
	bytes := 0
	for first := true; first || id.Seq < upTo.Seq; first = false {
		page, err := r.history.After(ctx, id, historyPage)
		switch {
		case err != nil && ctx.Err() != nil && !first:
			return nil, event.ErrExpired // another time it would be so again
		case err != nil:
			return nil, err
		case len(page) == 0:
			return missed, nil
		}
		for _, rec := range page {
			if id = rec.ID; id.Seq > upTo.Seq {
				return missed, nil // it comes by itself
			}
			if !rec.Event.Audience.Includes(v) {
				continue
			}
			if bytes += frameSize + len(rec.Event.Name) + len(rec.Event.Data); bytes > maxReplay {
				return nil, event.ErrExpired
			}
			body, err := r.bodies.Of(rec.Event, encode)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", event.ErrExpired, err)
			}
			missed = append(missed, &message{body: body, id: rec.ID})
		}
	}
	return missed, nil
}

// reset returns the reason of the stream_reset that err calls for, or "" (rule G3).
func reset(err error) stream.ResetReason {
	switch {
	case errors.Is(err, event.ErrEpoch):
		return stream.ResetEpoch
	case errors.Is(err, event.ErrInvalidID):
		return stream.ResetInvalid
	case errors.Is(err, event.ErrExpired):
		return stream.ResetExpired
	}
	return ""
}
