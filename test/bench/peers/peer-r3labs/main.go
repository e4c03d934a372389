// Command peer-r3labs is a server on github.com/r3labs/sse.
package main

import (
	"net/http"

	"github.com/r3labs/sse/v2"

	"heliograph/test/bench/peers/internal/peer"
)

func main() {
	peer.Serve(func(replay bool) (http.Handler, func([]byte) error, error) {
		server := sse.New()
		server.AutoReplay = replay // keeps every event for ever
		server.CreateStream("bench")
		return server, func(data []byte) error {
			server.Publish("bench", &sse.Event{Event: []byte("version"), Data: data})
			return nil
		}, nil
	})
}
