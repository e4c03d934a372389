package httpserver

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// errTaken is the error of writing to a connection whose socket a stream has.
var errTaken = errors.New("a stream has the connection's socket")

// Takeover is one connection of a Server, whose socket a stream may take.
type Takeover struct{ conn *conn }

// Conn returns the connection as it was accepted.
func (t *Takeover) Conn() net.Conn { return t.conn.Conn }

// Done says that the socket was taken: nothing that the handler or the server writes
// reaches it any more, and the server closes its own descriptor when the handler has
// returned. It then uses its buffers again, which are lost to it after a Hijack (eight
// kilobytes of garbage for every connect) or a panic of the handler (two).
func (t *Takeover) Done() { t.conn.taken = true }

type takeoverKey struct{}

// connContext is the http.Server's ConnContext.
func connContext(ctx context.Context, c net.Conn) context.Context {
	own, ok := c.(*conn)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, takeoverKey{}, &Takeover{conn: own})
}

// TakeoverOf returns the connection of r if its socket can be taken, or nil.
func TakeoverOf(r *http.Request) *Takeover {
	if r.TLS != nil || r.ProtoMajor != 1 {
		return nil
	}
	t, _ := r.Context().Value(takeoverKey{}).(*Takeover)
	return t
}

// ConnOf returns the connection that r came on, as it was accepted, or nil.
func ConnOf(r *http.Request) net.Conn {
	if t, ok := r.Context().Value(takeoverKey{}).(*Takeover); ok {
		return t.Conn()
	}
	return nil
}
