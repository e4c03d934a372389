package ssestream

import (
	"context"
	"net"
	"net/http"

	"heliograph/adapters/internal/ssehttp"
)

// ConnContext is the ConnContext of an http.Server that serves streams: without
// it, or without Release, every stream keeps its handler's goroutine and buffers.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return ssehttp.ConnContext(ctx, conn)
}

// Release is that server's outermost handler: it lets go of the connections
// whose sockets streams have taken.
func Release(next http.Handler) http.Handler { return ssehttp.Release(next) }
