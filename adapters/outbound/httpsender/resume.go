package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"heliograph/domain/connection"
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

// Resume implements gateway.Sender. It takes resumeTime at most.
func (s *Sender) Resume(ctx context.Context, token connection.Token, lastEventID string) {
	s.Heard()
	defer s.outbox.letGo(s.outbox.hold(token))
	within, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	reason, err := s.resume(within, token, lastEventID)
	switch {
	case err == nil, errors.Is(err, gateway.ErrUnknownToken), ctx.Err() != nil:
		return // if the gateway has given the stream up, its token is unknown
	case errors.Is(err, errLater):
		s.incomplete.Store(token, struct{}{})
		_ = s.outbox.toOne(&message{body: &body{}, token: token, closing: true}) // or it ends anyway
	default:
		s.incomplete.Store(token, struct{}{})
		s.outbox.behind(token, reason)
	}
	s.log.DebugContext(ctx, "stream could not be resumed", slog.Any("error", err))
}

// Incomplete reports, once, whether the stream of token could not be resumed. A
// gateway that understands gateway.ComeBackHeader should then have the client ask
// again; to any other the stream is told to begin anew.
func (s *Sender) Incomplete(token connection.Token) bool {
	_, incomplete := s.incomplete.LoadAndDelete(token)
	return incomplete
}

// resume pushes what the stream needs. With an error, which is push's or ctx's, it
// needs a stream_reset for this reason; with errLater nothing is known against it,
// and its client must ask again.
func (s *Sender) resume(ctx context.Context, token connection.Token, lastEventID string) (reason stream.ResetReason, err error) {
	id, parse := event.ParseID(lastEventID)
	upTo, can, err := s.outbox.join(ctx, token, id)
	if err != nil && parse == nil && id == upTo {
		return "", nil // whatever becomes of what is under way, the client has it
	}
	if err != nil || !can.EventID {
		return stream.ResetExpired, err
	}
	if reason = reset(parse); reason == "" {
		reason, err = s.replay(ctx, token, id, upTo)
	}
	if reason == "" || err != nil {
		return reason, err
	}
	m := newReset(token, reason)
	m.id = upTo
	return reason, s.push(ctx, token, m, true)
}

// replay pushes what follows id up to the place upTo, in order, or returns the
// reason of the stream_reset that has to go out instead. Errors: as push, errLater.
func (s *Sender) replay(ctx context.Context, token connection.Token, id, upTo event.ID) (reason stream.ResetReason, err error) {
	select {
	case s.resuming <- struct{}{}:
		defer func() { <-s.resuming }()
	case <-ctx.Done():
		return "", fmt.Errorf("%w: too many wait for it", errLater)
	}
	missed, err := s.read(ctx, id, upTo)
	switch reason = reset(err); {
	case reason != "":
		return reason, nil
	case err != nil:
		return "", err
	}
	for _, rec := range missed {
		body, err := s.bodies.of(rec.Event)
		if err != nil {
			return stream.ResetExpired, err
		}
		if err := s.push(ctx, token, &message{body: body, token: token, id: rec.ID, replay: true}, true); err != nil {
			return stream.ResetExpired, err
		}
	}
	return "", nil
}

// read returns what is missed, and tries again while that is not known for sure. Errors:
// those that call for a stream_reset; errLater once ctx ends.
func (s *Sender) read(ctx context.Context, id, upTo event.ID) ([]event.Record, error) {
	for confirmed := false; ; {
		missed, err := s.missed(ctx, id, upTo)
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

// missed returns the log events after id up to the place upTo. Errors: those of
// event.History; ErrExpired also for more than may be pushed.
func (s *Sender) missed(ctx context.Context, id, upTo event.ID) (missed []event.Record, err error) {
	bytes := 0
	for {
		page, err := s.history.After(ctx, id, historyPage)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			if rec.ID.Seq > upTo.Seq {
				return missed, nil // it comes by itself
			}
			if bytes += frameSize + len(rec.Event.Name) + len(rec.Event.Data); bytes > maxReplay {
				return nil, event.ErrExpired
			}
			missed, id = append(missed, rec), rec.ID
		}
		if len(page) < historyPage {
			return missed, nil
		}
	}
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

// join makes the lane of a stream whose client has got everything up to id, and
// returns the place after which what is broadcast reaches the stream. It waits
// until the gateway can be reached and has what is under way. The lane must be
// held. Errors: ctx.Err().
func (o *outbox) join(ctx context.Context, token connection.Token, id event.ID) (upTo event.ID, can capabilities, err error) {
	o.mu.Lock()
	l := o.laneLocked(token)
	l.early = earlyTicks
	o.early[l] = struct{}{}
	upTo = o.startLocked()
	o.noteTakenLocked(id, upTo)
	if !o.posting {
		o.takenLocked()
		o.pumpLocked()
	}
	for !o.reachable || o.postsLocked(upTo) {
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return upTo, can, ctx.Err()
		}
		o.mu.Lock()
	}
	defer o.mu.Unlock()
	return upTo, o.can, nil
}

// behind notes that a stream has not got what it missed: it is told so, and gets
// the state as it is then, as soon as it can be reached (rule E6).
func (o *outbox) behind(token connection.Token, reason stream.ResetReason) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.laneLocked(token)
	l.lossy, l.reset = true, reason // letGo gives it a turn
}

// postsLocked reports whether what is under way has not reached the place yet.
func (o *outbox) postsLocked(place event.ID) bool {
	return slices.ContainsFunc(o.underway, func(m *message) bool { return m.id == place })
}
