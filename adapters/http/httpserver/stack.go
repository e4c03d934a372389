package httpserver

import "net/http"

// growStack makes the stack of a connection's goroutine as large as a stream's
// connect needs, observers included, here where it is shallow. It would grow
// anyway, but from the depth of gin's handlers, and twice, and then all their
// frames have to be found and moved: that took a fifth of the time of a connect.
func growStack(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		useStack(len(r.Method))
		next.ServeHTTP(w, r)
	})
}

//go:noinline
func useStack(i int) byte {
	var room [8 << 10]byte
	return room[i%len(room)]
}
