package ssegateway

import (
	"context"
	"time"

	"heliograph/domain/connection"
)

const (
	// roomTime is how long a push waits for room: less than the 5 s after which a
	// backend gives a push up.
	roomTime = 4 * time.Second
	// maxWaitingPushes bounds how many do, and so the memory of their events.
	maxWaitingPushes = 256
)

// PushWhenRoom is Push, but waits for a moment if too much is queued for the stream
// already: this slows a backend that pushes one event after the other down to the pace
// of the client, which would otherwise be disconnected over its limit. Errors: as
// Push; gateway.ErrStreamFull when the client made no room in time or ctx ended.
func (g *Gateway) PushWhenRoom(ctx context.Context, token connection.Token, f Frame, last bool) (pending bool, err error) {
	room := g.room(token, f)
	if room == nil {
		return g.Push(token, f, last)
	}
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return g.Push(token, f, last)
	}
	late := time.NewTimer(roomTime)
	defer late.Stop()
	for room != nil {
		select {
		case <-room:
			room = g.room(token, f)
		case <-late.C:
			room = nil
		case <-ctx.Done():
			room = nil
		}
	}
	return g.Push(token, f, last)
}

// room returns nil if f may be pushed, or a channel that is closed when that may have
// changed.
func (g *Gateway) room(token connection.Token, f Frame) <-chan struct{} {
	l, err := g.engine.Lock()
	if err != nil {
		return nil
	}
	defer l.Unlock()
	s, ok := l.Attachment(token).(*Stream)
	if !ok {
		return nil
	}
	return l.Room(s.Stream, len(f.bytes))
}
