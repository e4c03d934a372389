// Package gateway holds the ports to whatever keeps the browsers' streams: the
// embedded engine, or an external SSE gateway behind HTTP.
package gateway

import (
	"context"
	"errors"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/gateway.go -package=mocks -mock_names=Metrics=MockGatewayMetrics,Sender=MockGatewaySender,Listener=MockGatewayListener

// What a gateway may say.
var (
	// ErrUnknownToken: no stream has that token (any more).
	ErrUnknownToken = errors.New("gateway does not know the token")
	// ErrStreamFull: the stream's limit of private events is reached; it was
	// disconnected as a slow consumer (rule G4).
	ErrStreamFull = errors.New("stream is over its limit of private events")
	// ErrClosed: the sender is shut down and takes nothing any more.
	ErrClosed = errors.New("gateway sender is closed")
	// ErrRefused: an external gateway answered a push with an error.
	ErrRefused = errors.New("gateway refused the push")
	// ErrUnreachable: an external gateway did not answer, or not in time.
	ErrUnreachable = errors.New("gateway is unreachable")
	// ErrOverflow: events for a stream piled up to their limit and were given up.
	ErrOverflow = errors.New("too many events wait for the stream")
)

// Sender is the driven port that delivers to the streams of this node.
//
// All methods hand over and return: they do no I/O and wait for no stream, so
// they may be called under a lock. They are safe for concurrent use, and what
// they hand over for one stream leaves in the order of the calls. Only while
// newer events with the same Key wait may older ones be left out (rule E10).
// What becomes of it later is reported to the Listener.
type Sender interface {
	// Broadcast hands a log event to every stream of this node: to each at most
	// once, in the order of the IDs (rule E7). A zero ID makes it a control event,
	// which is not retained. Errors: ErrClosed, event.ErrInvalid.
	Broadcast(ctx context.Context, rec event.Record) error
	// Send hands a private event to one stream. Errors: ErrClosed,
	// event.ErrInvalid, and ErrUnknownToken or ErrStreamFull where that is known
	// at once.
	Send(ctx context.Context, token connection.Token, ev event.Event) error
	// SendParts hands the parts of a state to one stream: the first at once, each
	// further one when that before it was written to the client or, where only an
	// external gateway knows that, was taken by the gateway. So a stream is sent them at
	// its own pace, and costs what one part costs however many there are; they do not
	// count against its limit. What else is handed over meanwhile may leave between two
	// parts, and each carries the ID of the last log event before it. If a part is lost
	// the rest is not asked for. Errors: as Send, for the first part.
	SendParts(ctx context.Context, token connection.Token, next Parts) error
	// Close ends one stream after last was sent to it; the zero Event is nothing to send.
	// Errors: as Send.
	Close(ctx context.Context, token connection.Token, last event.Event) error
	// Resume sends a stream that is neither open nor in the Roster yet the log events
	// after lastEventID that it may see (rule A12), which its client brought, or a
	// stream_reset that says why that cannot be done, before all else; from then on
	// Broadcast reaches it (rules G2, G3, G6). It returns when the gateway has them or,
	// at the latest, when the gateway would give up waiting. What goes wrong with the gateway is reported to the Listener and
	// does not cost the stream. If the log cannot be read the stream ends, so that its
	// client comes back and asks again: it may have lost events.
	// Does nothing where the gateway itself resumes, or passes no IDs on.
	Resume(ctx context.Context, c connection.Connection, lastEventID string)
}

// Listener is the driving port that senders tell what became of single streams.
// It is safe for concurrent use; no method may be called under a lock that a
// Sender method needs.
type Listener interface {
	// Gone says that the gateway does not know the token any more (rule E5).
	Gone(ctx context.Context, token connection.Token)
	// Failed says that an event for token was lost, and why (rule E6).
	Failed(ctx context.Context, token connection.Token, err error)
	// Recover is called before a stream that lost events is sent anything else.
	// It returns when every observer has handed over the state as it is now; what
	// is handed over meanwhile by Send leaves before all that waits (rule E6).
	Recover(ctx context.Context, token connection.Token)
	// Found says that the gateway holds an open stream which may be unknown here,
	// because the service was restarted: it is adopted unless the registry has a
	// connection of that request_id (rule C8). It returns once that is decided; what
	// Send hands over for it meanwhile leaves before all that waits.
	Found(ctx context.Context, id connection.RequestID, token connection.Token)
}

// Metrics is the driven port for what only a sender sees (rules M1, M2).
// Control events are not reported.
type Metrics interface {
	// Sent counts events, one per event and connection.
	Sent(s event.Service, ok, failed int)
	// Took observes how long one request (external gateway) or one event
	// (embedded) took.
	Took(s event.Service, d time.Duration)
}
