// Package ssestream serves GET /api/sse/stream, the browsers' one stream, from
// the engine of the embedded gateway, whose other face is embeddedsender.
package ssestream

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
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

// New returns the endpoint. format must be the engine's.
func New(engine *sse.Engine, format sse.Format, manager connection.Manager, log *slog.Logger) *Streams {
	return &Streams{engine: engine, format: format, manager: manager, log: log}
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
	if err := s.manager.Connect(ctx, id, token); err != nil {
		stream.Detach()
		s.refuse(c, err)
		return
	}
	reason := connection.ReasonError
	defer func() { s.manager.Disconnect(context.WithoutCancel(ctx), token, reason) }()

	sink := newSink(c)
	if err := sink.open(c); err != nil {
		s.log.DebugContext(ctx, "stream could not be opened", slog.String("request_id", string(id)), slog.Any("error", err))
		return
	}
	s.manager.Opened(ctx, token)
	reason = stream.Serve(ctx, sink)
	s.log.DebugContext(ctx, "stream ended", slog.String("request_id", string(id)), slog.String("reason", string(reason)))
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
	sink := newSink(c)
	if err := sink.open(c); err != nil {
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
	return r.URL.Query().Get("last_event_id")
}

// sink is one HTTP response as the engine wants it.
type sink struct {
	http.ResponseWriter

	control *http.ResponseController
}

var _ sse.Sink = sink{}

// newSink takes the response from below gin's and any middleware's writers,
// because gin's Flush keeps errors to itself.
func newSink(c *gin.Context) sink {
	var w http.ResponseWriter = c.Writer
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return sink{ResponseWriter: w, control: http.NewResponseController(w)}
		}
		w = wrapper.Unwrap()
	}
}

// openTimeout bounds the sending of headers, which a new connection takes at
// once.
const openTimeout = 5 * time.Second

// open sends the headers (gateway-protocol, "Client → gateway"), through gin so
// that middleware sees the status.
func (s sink) open(c *gin.Context) error {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no")
	if err := s.SetWriteDeadline(time.Now().Add(openTimeout)); err != nil {
		return err
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return s.Flush()
}

// Flush implements sse.Sink.
func (s sink) Flush() error { return s.control.Flush() }

// SetWriteDeadline implements sse.Sink. The zero time is no deadline.
func (s sink) SetWriteDeadline(t time.Time) error { return s.control.SetWriteDeadline(t) }
