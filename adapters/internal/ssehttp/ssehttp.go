// Package ssehttp is how an HTTP request becomes a stream: the answer's headers,
// the handing over of its connection to the engine, and the answer written by a
// goroutine where that cannot be had. Both inbound sides of the engine use it.
package ssehttp

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/internal/sse"
)

// headers are those of a stream (gateway-protocol, "Client → gateway").
var headers = [][2]string{
	{"Content-Type", "text/event-stream"},
	{"Cache-Control", "no-cache"},
	{"Connection", "keep-alive"},
	{"X-Accel-Buffering", "no"},
}

// Opener begins the answers of streams. It is safe for concurrent use.
type Opener struct {
	headers [][2]string
	head    []byte // of an answer that ends when its connection does, but for the date
}

// NewOpener returns an Opener whose answers have these headers too, pairs of a
// name and a value.
func NewOpener(more ...[2]string) *Opener {
	o := &Opener{headers: append(append([][2]string{}, headers...), more...)}
	o.head = append(o.head, "HTTP/1.1 200 OK\r\n"...)
	for _, h := range o.headers {
		o.head = append(o.head, h[0]+": "+h[1]+"\r\n"...)
	}
	o.head = append(o.head, "Date: "...)
	return o
}

// Adopt hands the stream with the request's socket to the engine and calls
// opened, if the engine can write to it without a handler, which then ends and
// leaves nothing behind; it reports whether it did.
func (o *Opener) Adopt(r *http.Request, stream *sse.Stream, opened func()) bool {
	t := takeoverOf(r)
	if t == nil {
		return false
	}
	err := stream.Adopt(t.conn, o.responseHead(), func() {
		t.taken = true
		opened()
	})
	return err == nil
}

func (o *Opener) responseHead() []byte {
	b := make([]byte, 0, len(o.head)+len(http.TimeFormat)+len("\r\n\r\n"))
	b = time.Now().UTC().AppendFormat(append(b, o.head...), http.TimeFormat)
	return append(b, "\r\n\r\n"...)
}

// openTimeout bounds the sending of headers, which a new connection takes at
// once.
const openTimeout = 5 * time.Second

// Open sends the headers, through gin so that middleware sees the status.
func (o *Opener) Open(c *gin.Context) (Sink, error) {
	s := newSink(c)
	for _, h := range o.headers {
		c.Writer.Header().Set(h[0], h[1])
	}
	if err := s.SetWriteDeadline(time.Now().Add(openTimeout)); err != nil {
		return Sink{}, err
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return s, s.Flush()
}

// Answer is a stream that consists of one frame. If it cannot be written the
// client is gone, and nothing is left to do.
func (o *Opener) Answer(c *gin.Context, frame []byte) {
	s, err := o.Open(c)
	if err != nil {
		return
	}
	if _, err := s.Write(frame); err == nil && s.Flush() == nil {
		_ = s.SetWriteDeadline(time.Time{}) // the connection may carry other answers after this one
	}
}

// LastEventID is where a client left off, "" if it does not say. The header comes
// from a browser that reconnects by itself, so it is newer than the query of the
// page's URL.
func LastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	const name = "last_event_id"
	if !strings.Contains(r.URL.RawQuery, name) { // mostly: parsing the query costs more than looking
		return ""
	}
	return r.URL.Query().Get(name)
}
