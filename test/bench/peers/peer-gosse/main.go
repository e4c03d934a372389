// Command peer-gosse is a server on github.com/tmaxmax/go-sse.
package main

import (
	"net/http"

	"github.com/tmaxmax/go-sse"

	"heliograph/test/bench/peers/internal/peer"
)

func main() {
	peer.Serve(func(replay bool) (http.Handler, func([]byte) error, error) {
		joe := new(sse.Joe)
		if replay {
			replayer, err := sse.NewFiniteReplayer(peer.History, true)
			if err != nil {
				return nil, nil, err
			}
			joe.Replayer = replayer
		}
		server := &sse.Server{Provider: joe, OnSession: open}
		return server, func(data []byte) error {
			message := &sse.Message{Type: sse.Type("version")}
			message.AppendData(string(data))
			return server.Publish(message)
		}, nil
	})
}

// open sends the headers at once; by itself the library waits for an event.
func open(w http.ResponseWriter, _ *http.Request) (topics []string, allowed bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	return []string{sse.DefaultTopic}, http.NewResponseController(w).Flush() == nil
}
