// Package ssestream serves GET /api/sse/stream, the browsers' one stream, from
// the engine of the embedded gateway, whose other face is embeddedsender.
package ssestream

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/http/ginaccess"
	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/adapters/http/streamhttp"
	"heliograph/adapters/internal/streamurl"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Streams is the stream endpoint. It is safe for concurrent use.
type Streams struct {
	engine  *sse.Engine
	opener  *streamhttp.Opener
	format  wire.Format
	manager connection.Manager
	gate    *ginaccess.Gate
	refused func(id connection.RequestID, code string)
	log     *slog.Logger
}

// New returns the endpoint, and has the engine report to manager the streams that
// it adopted and that ended. format must be the engine's. gate, to which the route must
// be open, is asked who may listen; nil lets everybody. refused is told of the streams that are not opened,
// with the code of the error; nil is nobody.
func New(engine *sse.Engine, format wire.Format, manager connection.Manager, gate *ginaccess.Gate,
	refused func(id connection.RequestID, code string), log *slog.Logger,
) *Streams {
	s := &Streams{engine: engine, opener: streamhttp.NewOpener(engine.Interval()), format: format, manager: manager, gate: gate, refused: refused, log: log}
	engine.OnEnd(func(token connection.Token, reason connection.Reason) {
		manager.Disconnect(context.Background(), token, reason)
	})
	return s
}

// Register adds the route to r.
func (s *Streams) Register(r gin.IRouter) { r.GET(paths.Stream, s.serve) }

// serve takes a stream in the order of rule G9: its place in the log is fixed
// and it can take events, then the connection manager is called, then the client
// gets headers, and only then the observers are called.
func (s *Streams) serve(c *gin.Context) {
	if err := s.gate.Admit(c, access.Stream); err != nil {
		s.refuse(c, err)
		return
	}
	ctx := c.Request.Context()
	id, err := streamurl.RequestID(c.Request.URL.RawQuery)
	if err != nil {
		s.refuse(c, err)
		return
	}
	token := connection.Token(rand.Text())
	stream, err := s.engine.Resume(ctx, token, sse.Client{
		Name: string(id), LastEventID: streamhttp.LastEventID(c.Request), Viewer: access.FromContext(ctx).Viewer(),
	})
	if err != nil {
		s.refuse(c, err)
		return
	}
	defer stream.Detach() // if anything below panics
	opening, err := s.manager.Connect(ctx, id, token, "")
	if err != nil {
		stream.Detach()
		s.refuse(c, err)
		return
	}
	if s.opener.Adopt(c, stream, opening.OpenedHere) {
		return // the engine reports its end
	}
	reason := connection.ReasonError
	defer func() { s.manager.Disconnect(context.WithoutCancel(ctx), token, reason) }()
	if sink, err := s.opener.Open(c); err == nil {
		opening.Opened()
		reason = stream.Serve(ctx, sink)
	}
}

// refuse answers a stream that cannot be had now. While the service drains, lags
// behind the others or cannot record connections, the client is asked to
// come back later: any other answer makes an EventSource give up for good (rule
// G8).
func (s *Streams) refuse(c *gin.Context, err error) {
	s.tellRefused(c, err)
	switch {
	case errors.Is(err, sse.ErrDraining), errors.Is(err, connection.ErrShuttingDown):
		s.opener.Answer(c, s.engine.RetryFrame())
	case errors.Is(err, sse.ErrLagging), errors.Is(err, connection.ErrUnavailable), errors.Is(err, access.ErrUnavailable):
		s.opener.Answer(c, sse.LaterFrame())
	case errors.Is(err, sse.ErrTooManyStreams):
		ginjson.Abort(c, s.log, &ginjson.Error{Status: http.StatusServiceUnavailable, Code: tooManyStreams, Message: err.Error()})
	default:
		s.reject(c, err)
	}
}

// tellRefused tells that a stream was not opened.
func (s *Streams) tellRefused(c *gin.Context, err error) {
	id, invalid := streamurl.RequestID(c.Request.URL.RawQuery)
	if s.refused == nil || invalid != nil {
		return
	}
	_, code, _ := ginjson.Classify(err)
	if errors.Is(err, sse.ErrTooManyStreams) {
		code = tooManyStreams
	}
	s.refused(id, code)
}

// tooManyStreams is the code of a refusal because of sse.ErrTooManyStreams.
const tooManyStreams = "TOO_MANY_CONNECTIONS"

// reject answers a request that is wrong, or whose client may not listen: with a status,
// or in the envelope format with a stream that says so and ends.
func (s *Streams) reject(c *gin.Context, err error) {
	status, _, message := ginjson.Classify(err)
	if s.format != wire.FormatEnvelope || status >= http.StatusInternalServerError {
		ginjson.Abort(c, s.log, err)
		return
	}
	s.opener.Answer(c, wire.RejectedFrame(status, message))
}
