package main

import (
	"net/http"
	"sync"

	"github.com/centrifugal/centrifuge"
)

// streams serves one stream per request.
type streams struct{ node *centrifuge.Node }

func (s streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := &transport{w: w, control: http.NewResponseController(w), closed: make(chan struct{})}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	client, done, err := centrifuge.NewClient(r.Context(), s.node, t)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer done() //nolint:errcheck // the stream has ended
	w.WriteHeader(http.StatusOK)
	client.Connect(centrifuge.ConnectRequest{})
	select {
	case <-r.Context().Done():
	case <-t.closed:
	}
}

// transport writes straight to the response: the client has a writer goroutine
// and a queue of its own already.
type transport struct {
	w       http.ResponseWriter
	control *http.ResponseController
	once    sync.Once
	closed  chan struct{}
}

func (t *transport) Name() string                      { return "uni_sse" }
func (t *transport) AcceptProtocol() string            { return "h1" }
func (t *transport) Protocol() centrifuge.ProtocolType { return centrifuge.ProtocolTypeJSON }

func (t *transport) ProtocolVersion() centrifuge.ProtocolVersion { return centrifuge.ProtocolVersion2 }
func (t *transport) Unidirectional() bool                        { return true }
func (t *transport) Emulation() bool                             { return false }
func (t *transport) DisabledPushFlags() uint64                   { return centrifuge.PushFlagDisconnect }

func (t *transport) PingPongConfig() centrifuge.PingPongConfig {
	return centrifuge.PingPongConfig{PingInterval: -1, PongTimeout: -1}
}

func (t *transport) Write(message []byte) error { return t.WriteMany(message) }

func (t *transport) WriteMany(messages ...[]byte) error {
	for _, m := range messages {
		frame := append(append([]byte("event: version\ndata: "), m...), "\n\n"...)
		if _, err := t.w.Write(frame); err != nil {
			return err
		}
	}
	return t.control.Flush()
}

func (t *transport) Close(centrifuge.Disconnect) error {
	t.once.Do(func() { close(t.closed) })
	return nil
}
