package credentials

import (
	"context"
	"iter"
	"log/slog"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// revoke ends the streams of this node that r names (rule A18).
func (e *Enforcer) revoke(ctx context.Context, r access.Revocation) {
	last, reason := stream.AuthExpired(), connection.ReasonExpired
	if r.Before.IsZero() { // its client may come back with the same credential
		last, reason = event.Event{}, connection.ReasonDisconnected
	}
	ended := 0
	for c := range e.candidates(r) {
		if r.Ends(c.Principal, string(c.RequestID)) {
			e.deps.Streams.End(ctx, c, last, reason)
			ended++
		}
	}
	if ended > 0 {
		e.deps.Log.InfoContext(ctx, "streams were ended", slog.Int("count", ended), slog.String("reason", string(reason)))
	}
}

// candidates yields all streams of this node that r may be about.
func (e *Enforcer) candidates(r access.Revocation) iter.Seq[connection.Connection] {
	switch {
	case r.RequestID != "":
		return e.deps.Roster.In(&access.Audience{RequestIDs: []string{r.RequestID}})
	case r.Subject != "":
		return e.deps.Roster.In(&access.Audience{Subjects: []string{r.Subject}})
	}
	return e.deps.Roster.All()
}
