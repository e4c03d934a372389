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
	{"X-Content-Type-Options", "nosniff"},
}

// Opener begins the answers of streams. It is safe for concurrent use.
type Opener struct {
	head []byte          // of an answer that ends when its connection does, but for the date
	own  map[string]bool // the headers in head
}

// NewOpener returns an Opener.
func NewOpener() *Opener {
	o := &Opener{own: make(map[string]bool, len(headers))}
	o.head = append(o.head, "HTTP/1.1 200 OK\r\n"...)
	for _, h := range headers {
		o.head = append(o.head, h[0]+": "+h[1]+"\r\n"...)
		o.own[h[0]] = true
	}
	o.head = append(o.head, "Date: "...)
	return o
}

// Adopt hands the stream with the request's socket to the engine and calls
// opened, if the engine can write to it without a handler, which then ends and
// leaves nothing behind; it reports whether it did. The answer has the headers
// that middleware has set, too.
func (o *Opener) Adopt(c *gin.Context, stream *sse.Stream, opened func()) bool {
	t := takeoverOf(c.Request)
	if t == nil {
		return false
	}
	err := stream.Adopt(t.conn, o.responseHead(c.Writer.Header()), func() {
		t.taken = true
		opened()
	})
	return err == nil
}

func (o *Opener) responseHead(more http.Header) []byte {
	b := make([]byte, 0, len(o.head)+len(http.TimeFormat)+len("\r\n\r\n"))
	b = time.Now().UTC().AppendFormat(append(b, o.head...), http.TimeFormat)
	b = append(b, "\r\n"...)
	for name, values := range more {
		if !o.own[name] {
			b = append(b, name+": "+strings.Join(values, ", ")+"\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// openTimeout bounds the sending of headers, which a new connection takes at
// once.
const openTimeout = 5 * time.Second

// Open sends the headers, through gin so that middleware sees the status.
func (o *Opener) Open(c *gin.Context) (Sink, error) {
	s := newSink(c)
	for _, h := range headers {
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
