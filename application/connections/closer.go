package connections

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"heliograph/application/connections/background"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// replaced is the last event of a stream that was replaced.
var replaced = stream.Replaced()

// closer closes streams that were replaced, and reports ends to the nodes that own the
// connections. It is safe for concurrent use.
type closer struct {
	sender  gateway.Sender
	control gateway.Control
	group   *background.Group
	log     *slog.Logger
	silent  sync.Map // names of the nodes that did not answer when they were last asked
}

func (cl *closer) owns(c connection.Connection) bool { return cl.control.Owns(c.Node) }

// close sends the client of old the event "replaced", so that it does not reconnect and
// replace the newer connection in turn (rule C3). If another node has the stream, it is
// asked in the background, because it may not answer.
func (cl *closer) close(ctx context.Context, old connection.Connection) {
	cl.log.DebugContext(ctx, "connection was replaced", requestID(old))
	if cl.owns(old) {
		cl.warn(ctx, old, cl.sender.Close(context.WithoutCancel(ctx), old.Token, replaced))
		return
	}
	cl.group.Go(func(ctx context.Context) {
		cl.warnAway(ctx, old, cl.control.Close(ctx, old.Node, old.Token, replaced))
	})
}

// warn logs that the stream of old could not be closed, if that is what err says.
func (cl *closer) warn(ctx context.Context, old connection.Connection, err error) {
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) { // the stream has ended already
		cl.log.WarnContext(ctx, "replaced connection could not be closed", requestID(old), slog.Any("error", err))
	}
}

// warnAway is warn for a stream of another node. A node that does not answer is worth
// one warning: its streams are gone, or it finds out by itself that they were replaced.
func (cl *closer) warnAway(ctx context.Context, old connection.Connection, err error) {
	if !errors.Is(err, gateway.ErrNodeAway) {
		cl.silent.Delete(old.Node)
		cl.warn(ctx, old, err)
		return
	}
	if _, known := cl.silent.LoadOrStore(old.Node, true); !known {
		cl.log.WarnContext(ctx, "node does not answer: it closes replaced connections later", slog.String("node", old.Node), slog.Any("error", err))
	}
}

// reportEnd reports the end of c to the node that owned it, unless that is this one. A
// node that does not answer is gone, or notices when it sends to c next (rule E5).
func (cl *closer) reportEnd(c connection.Connection, reason connection.Reason) {
	if cl.owns(c) {
		return
	}
	cl.group.Go(func(ctx context.Context) {
		if err := cl.control.Ended(ctx, c.Node, c.Token, reason); err != nil {
			cl.log.DebugContext(ctx, "end of a connection could not be reported to its node", requestID(c), slog.Any("error", err))
		}
	})
}
