// Package ssestream serves GET /api/sse/stream, the browsers' one stream, from
// the engine of the embedded gateway, whose other face is embeddedsender.
package ssestream

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/internal/ginjson"
	"heliograph/adapters/internal/sse"
	"heliograph/domain/connection"
)

// Path is where the stream is.
const Path = "/api/sse/stream"

// Streams is the stream endpoint. It is safe for concurrent use.
type Streams struct {
	engine  *sse.Engine
	format  sse.Format
	manager connection.Manager
	log     *slog.Logger
}

// New returns the endpoint, and has the engine tell manager of the streams that
// it adopted and that ended. format must be the engine's.
func New(engine *sse.Engine, format sse.Format, manager connection.Manager, log *slog.Logger) *Streams {
	s := &Streams{engine: engine, format: format, manager: manager, log: log}
	engine.OnEnd(func(token connection.Token, reason connection.Reason) {
		manager.Disconnect(context.Background(), token, reason)
	})
	return s
}

// Register adds the route to r.
func (s *Streams) Register(r gin.IRouter) { r.GET(Path, s.serve) }

// serve takes a stream in the order of rule G9: its place in the log is fixed
// and it can take events, then the connection manager is told, then the client
// gets headers, and only then the observers are called.
func (s *Streams) serve(c *gin.Context) {
	ctx := c.Request.Context()
	id, err := ginjson.RequestID(c.Request.URL.RawQuery)
	if err != nil {
		s.reject(c, err)
		return
	}
	token := connection.Token(rand.Text())
	stream, err := s.engine.Attach(token, lastEventID(c.Request))
	if err != nil {
		s.refuse(c, err)
		return
	}
	defer stream.Detach() // if anything below panics
	if err := s.manager.Connect(ctx, id, token, ""); err != nil {
		stream.Detach()
		s.refuse(c, err)
		return
	}
	if s.adopt(c.Request, stream) {
		return
	}
	reason := connection.ReasonError
	defer func() { s.manager.Disconnect(context.WithoutCancel(ctx), token, reason) }()
	if sink, err := open(c); err == nil {
		s.manager.Opened(ctx, token)
		reason = stream.Serve(ctx, sink)
	}
}

// adopt hands the stream with its socket to the engine, if that can write to it
// without us: this handler ends then, and nothing of it is left.
func (s *Streams) adopt(r *http.Request, stream *sse.Stream) bool {
	t := takeoverOf(r)
	if t == nil {
		return false
	}
	err := stream.Adopt(t.conn, responseHead(), func() {
		t.taken = true
		s.manager.OpenedHere(r.Context(), stream.Token())
	})
	return err == nil
}

// refuse answers a stream that cannot be had now. While the service drains,
// the client is asked to come back later: any other answer makes an
// EventSource give up for good (rule G8).
func (s *Streams) refuse(c *gin.Context, err error) {
	switch {
	case errors.Is(err, sse.ErrDraining), errors.Is(err, connection.ErrShuttingDown):
		s.answer(c, s.engine.RetryFrame())
	case errors.Is(err, sse.ErrTooManyStreams):
		ginjson.Abort(c, s.log, &ginjson.Error{Status: http.StatusServiceUnavailable, Code: "TOO_MANY_CONNECTIONS", Message: err.Error()})
	default:
		ginjson.Abort(c, s.log, err)
	}
}

// reject answers a request that is wrong: with a status, or in the envelope
// format with a stream that says so and ends.
func (s *Streams) reject(c *gin.Context, err error) {
	if s.format != sse.FormatEnvelope {
		ginjson.Abort(c, s.log, err)
		return
	}
	status, _, message := ginjson.Classify(err)
	s.answer(c, sse.RejectedFrame(status, message))
}

// answer is a stream that consists of one frame. If it cannot be written the
// client is gone, and nothing is left to do.
func (s *Streams) answer(c *gin.Context, frame []byte) {
	sink, err := open(c)
	if err != nil {
		return
	}
	if _, err := sink.Write(frame); err == nil && sink.Flush() == nil {
		_ = sink.SetWriteDeadline(time.Time{}) // the connection may carry other answers after this one
	}
}

// lastEventID is where the client left off. The header comes from a browser
// that reconnects by itself, so it is newer than the query of the page's URL.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	const name = "last_event_id"
	if !strings.Contains(r.URL.RawQuery, name) { // mostly: parsing the query costs more than looking
		return ""
	}
	return r.URL.Query().Get(name)
}
