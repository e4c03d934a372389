// Command peer-centrifuge is a server on github.com/centrifugal/centrifuge,
// with the unidirectional SSE transport that the library leaves to its users.
package main

import (
	"context"
	"net/http"

	"github.com/centrifugal/centrifuge"

	"heliograph/test/bench/peers/internal/peer"
)

const channel = "bench"

func main() {
	peer.Serve(func(bool) (http.Handler, func([]byte) error, error) {
		node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError})
		if err != nil {
			return nil, nil, err
		}
		node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
			return centrifuge.ConnectReply{
				Credentials:   &centrifuge.Credentials{UserID: ""}, // anonymous
				Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}},
			}, nil
		})
		publish := func(data []byte) error {
			_, err := node.Publish(channel, data)
			return err
		}
		return streams{node}, publish, node.Run()
	})
}
