// Package streamhttp is how an HTTP request becomes a stream: the answer's headers,
// the handing over of its connection to the engine, and the answer written by a
// goroutine where that cannot be had. Both inbound sides of the engine use it.
package streamhttp

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/http/httpserver"
)

// headers are those of every stream (gateway-protocol, "Client → gateway"). They
// forbid proxies to compress it, which is to transform it, and to hold it back (rule
// G7).
var headers = [][2]string{
	{"Content-Type", "text/event-stream"},
	{"Cache-Control", "no-cache, no-transform"},
	{"X-Accel-Buffering", "no"},
	{"Incremental", "?1"},
	{"X-Content-Type-Options", "nosniff"},
}

// Opener begins the answers of streams. It is safe for concurrent use.
type Opener struct {
	headers [][2]string
	chunked []byte          // the head of an answer to HTTP/1.1, but for the date
	plain   []byte          // and to HTTP/1.0, which knows no chunks: the stream ends with the connection
	own     map[string]bool // the headers in them
}

// intervalHeader says in seconds how often something comes over the stream at least, before
// the first ping can: a client notices then that a stream died young (rule G5).
const intervalHeader = "Heliograph-Interval"

// NewOpener returns an Opener of streams over which something comes at least at every
// interval; with 0 their answers do not say that.
func NewOpener(interval time.Duration) *Opener {
	o := &Opener{headers: headers, own: map[string]bool{"Connection": true, "Transfer-Encoding": true, "Date": true}}
	if interval > 0 {
		seconds := strconv.FormatFloat(interval.Seconds(), 'f', -1, 64)
		o.headers = append(slices.Clone(headers), [2]string{intervalHeader, seconds})
	}
	var all []byte
	for _, h := range o.headers {
		all = append(all, h[0]+": "+h[1]+"\r\n"...)
		o.own[h[0]] = true
	}
	all = append(all, "Date: "...)
	o.chunked = append([]byte("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"), all...)
	o.plain = append([]byte("HTTP/1.0 200 OK\r\nConnection: close\r\n"), all...)
	return o
}

// Adopt hands the stream with the request's socket to the engine and calls
// opened, if the engine can write to it without a handler, which then ends and
// leaves nothing behind; it reports whether it did. The answer has the headers
// that middleware has set, too.
func (o *Opener) Adopt(c *gin.Context, stream *sse.Stream, opened func()) bool {
	t := httpserver.TakeoverOf(c.Request)
	if t == nil {
		return false
	}
	chunked := c.Request.ProtoAtLeast(1, 1)
	answer := sse.Answer{Head: o.head(chunked, c.Writer.Header()), Chunked: chunked}
	err := stream.Adopt(t.Conn(), answer, func() {
		t.Done()
		opened()
	})
	return err == nil
}

// head is what net/http does not write when a stream takes the socket.
func (o *Opener) head(chunked bool, more http.Header) []byte {
	head := o.plain
	if chunked {
		head = o.chunked
	}
	b := make([]byte, 0, len(head)+len(http.TimeFormat)+len("\r\n\r\n"))
	b = time.Now().UTC().AppendFormat(append(b, head...), http.TimeFormat)
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

// Open sends the headers, through gin so that middleware sees the status. net/http
// makes chunks where the client knows them.
func (o *Opener) Open(c *gin.Context) (Sink, error) {
	s := newSink(c)
	for _, h := range o.headers {
		c.Writer.Header().Set(h[0], h[1])
	}
	if c.Request.ProtoAtLeast(1, 1) {
		c.Writer.Header().Set("Connection", "keep-alive")
	} else {
		c.Writer.Header().Set("Connection", "close")
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
