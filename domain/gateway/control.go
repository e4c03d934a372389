package gateway

import (
	"context"
	"errors"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/output"
)

//go:generate go tool mockgen -typed -source=control.go -destination=../../test/mocks/control.go -package=mocks -mock_names=Control=MockGatewayControl,Peer=MockGatewayPeer

// ErrNodeAway says that the node which owns the stream does not answer. It may
// have done what it was asked for, or be gone, and its streams with it.
var ErrNodeAway = errors.New("node does not answer")

// Control is the driven port from node to node, beside the log. It is safe for
// concurrent use and tries nothing again. A node that is alone has one, too: all
// streams are its own, and every other node is away.
type Control interface { //nolint:interfacebloat // what nodes ask of each other, which has one way
	// Owns reports whether the streams that are recorded for the node of that name are
	// this node's. It asks no other node. Alone all are, for this node may have had
	// another name when it recorded them.
	Owns(node string) bool
	// Close has the node of that name end one of its streams after last was sent to
	// it: Sender.Close, elsewhere. It returns when the node has handed it over, in two
	// seconds at most. Errors: ErrNodeAway, as Sender.Close, ctx.Err().
	Close(ctx context.Context, node string, token connection.Token, last event.Event) error
	// Send hands a private event to a stream of the node of that name: Sender.Send,
	// elsewhere. It returns when the node has handed it over, in two seconds at most.
	// Errors: ErrNodeAway, as Sender.Send, ctx.Err().
	Send(ctx context.Context, node string, token connection.Token, ev event.Event) error
	// Ended tells the node of that name that one of its streams has ended, which an
	// external gateway has reported to another node. It returns when the node knows, in two
	// seconds at most. Errors: ErrNodeAway, ctx.Err().
	Ended(ctx context.Context, node string, token connection.Token, reason connection.Reason) error
	// Renew has the node of that name give one of its streams a new credential, that of p.
	// It returns when that is recorded, in two seconds at most. Errors: ErrNodeAway,
	// connection.ErrNotFound, connection.ErrOtherPrincipal, connection.ErrUnavailable,
	// ctx.Err().
	Renew(ctx context.Context, node string, token connection.Token, p *access.Principal) error
	// Follow has one of the streams of the node of that name follow a task, or no longer.
	// It returns when that is so, in two seconds at most. Errors: ErrNodeAway,
	// connection.ErrNotFound, connection.ErrUnavailable, output.ErrTooMany,
	// output.ErrShuttingDown, ctx.Err().
	Follow(ctx context.Context, node string, token connection.Token, f output.Followed) error
}

// Peer is the driving port that the Control of other nodes calls here. It is safe
// for concurrent use.
type Peer interface {
	// Close ends a stream of this node after last was sent to it. Errors: as
	// Sender.Close.
	Close(ctx context.Context, token connection.Token, last event.Event) error
	// Send hands a private event to a stream of this node. Errors: as Sender.Send.
	Send(ctx context.Context, token connection.Token, ev event.Event) error
	// Ended says that a stream of this node has ended. An unknown token changes
	// nothing.
	Ended(ctx context.Context, token connection.Token, reason connection.Reason)
	// Renew gives a stream of this node a new credential, that of p. Errors:
	// connection.ErrNotFound, connection.ErrOtherPrincipal, connection.ErrUnavailable.
	Renew(ctx context.Context, token connection.Token, p *access.Principal) error
	// Follow has a stream of this node follow a task, or no longer. Errors:
	// connection.ErrNotFound, connection.ErrUnavailable, output.ErrTooMany,
	// output.ErrShuttingDown.
	Follow(ctx context.Context, token connection.Token, f output.Followed) error
}
