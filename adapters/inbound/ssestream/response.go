package ssestream

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/internal/sse"
)

// setHeaders sets a stream's headers (gateway-protocol, "Client → gateway").
func setHeaders(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no")
}

// responseHead is the head of an answer that ends when its connection does. It
// is what setHeaders sets, ready-made.
func responseHead() []byte {
	const head = "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nConnection: keep-alive\r\n" +
		"Content-Type: text/event-stream\r\nX-Accel-Buffering: no\r\nDate: "
	b := make([]byte, 0, len(head)+len(http.TimeFormat)+len("\r\n\r\n"))
	b = append(b, head...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	return append(b, "\r\n\r\n"...)
}

// sink is one HTTP response as the engine's portable transport wants it.
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

// open sends the headers, through gin so that middleware sees the status.
func open(c *gin.Context) (sink, error) {
	s := newSink(c)
	setHeaders(c.Writer.Header())
	if err := s.SetWriteDeadline(time.Now().Add(openTimeout)); err != nil {
		return sink{}, err
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return s, s.Flush()
}

// Flush implements sse.Sink.
func (s sink) Flush() error { return s.control.Flush() }

// SetWriteDeadline implements sse.Sink. The zero time is no deadline.
func (s sink) SetWriteDeadline(t time.Time) error { return s.control.SetWriteDeadline(t) }
