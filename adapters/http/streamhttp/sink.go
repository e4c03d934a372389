package streamhttp

import (
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/http/httpserver"
)

// Sink is one HTTP response as the engine's portable transport wants it.
type Sink struct {
	http.ResponseWriter

	control *http.ResponseController
	conn    net.Conn // nil if it is not known
}

var _ sse.Sink = Sink{}

// newSink takes the response from below gin's and any middleware's writers,
// because gin's Flush keeps errors to itself.
func newSink(c *gin.Context) Sink {
	var w http.ResponseWriter = c.Writer
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return Sink{ResponseWriter: w, control: http.NewResponseController(w), conn: httpserver.ConnOf(c.Request)}
		}
		w = wrapper.Unwrap()
	}
}

// NetConn is the connection below the response, or nil.
func (s Sink) NetConn() net.Conn { return s.conn }

// Flush implements sse.Sink.
func (s Sink) Flush() error { return s.control.Flush() }

// SetWriteDeadline implements sse.Sink. The zero time is no deadline.
func (s Sink) SetWriteDeadline(t time.Time) error { return s.control.SetWriteDeadline(t) }
