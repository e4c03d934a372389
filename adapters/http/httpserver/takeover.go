package httpserver

import (
	"context"
	"net"
	"net/http"
)

// Takeover is one connection of a server, whose socket a stream may take.
type Takeover struct {
	conn  net.Conn
	taken bool // owned by the goroutine that serves conn
}

// Conn returns the connection as it was accepted.
func (t *Takeover) Conn() net.Conn { return t.conn }

// Done says that the socket was taken: the server then forgets the connection as
// soon as the handler returns.
func (t *Takeover) Done() { t.taken = true }

type takeoverKey struct{}

// ConnContext is the http.Server's ConnContext: without it, or without Release,
// every stream keeps its handler's goroutine and buffers.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if own, ok := c.(*conn); ok {
		c = own.Conn
	}
	return context.WithValue(ctx, takeoverKey{}, &Takeover{conn: c})
}

// Release is the outermost handler: it has the server forget a connection whose
// socket a stream has taken. The server then closes its own descriptor without
// an answer and uses its buffers again, which are lost to it after a Hijack:
// eight kilobytes of garbage for every connect.
func Release(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if t := TakeoverOf(r); t != nil && t.taken {
			panic(http.ErrAbortHandler)
		}
	})
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
		return t.conn
	}
	return nil
}
