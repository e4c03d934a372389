package ssehttp

import (
	"context"
	"net"
	"net/http"
)

// takeover is one connection of the server, whose socket a stream may take.
type takeover struct {
	conn  net.Conn
	taken bool // owned by the goroutine that serves conn
}

type takeoverKey struct{}

// ConnContext is the http.Server's ConnContext: without it, or without Release,
// every stream keeps its handler's goroutine and buffers.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, takeoverKey{}, &takeover{conn: conn})
}

// Release is the outermost handler: it has the server forget a connection whose
// socket a stream has taken. The server then closes its own descriptor without
// an answer and uses its buffers again, which are lost to it after a Hijack:
// eight kilobytes of garbage for every connect.
func Release(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if t := takeoverOf(r); t != nil && t.taken {
			panic(http.ErrAbortHandler)
		}
	})
}

// takeoverOf returns the connection of r if its socket can be taken, or nil.
func takeoverOf(r *http.Request) *takeover {
	if r.TLS != nil || r.ProtoMajor != 1 {
		return nil
	}
	t, _ := r.Context().Value(takeoverKey{}).(*takeover)
	return t
}
