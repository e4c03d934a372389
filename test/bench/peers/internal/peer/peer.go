// Package peer is what the peers' small servers share: two ports, one for
// streams and one on which messages are posted.
package peer

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// History is how many events a server keeps when it is to replay.
const History = 20000

// Serve runs a server; it ends the process if it cannot. build gets whether the
// server is to keep History, and returns the handler of streams and what
// publishes a message.
func Serve(build func(replay bool) (streams http.Handler, publish func(data []byte) error, err error)) {
	streamPort := flag.Int("streams", 0, "port of the streams, on 127.0.0.1")
	publishPort := flag.Int("publish", 0, "port on which messages are posted, on 127.0.0.1")
	replay := flag.Bool("replay", false, "keep events for clients that come back")
	flag.Parse()
	streams, publish, err := build(*replay)
	if err != nil {
		fail(err)
	}
	go listen(*publishPort, receiver(publish))
	listen(*streamPort, streams)
}

func listen(port int, handler http.Handler) {
	server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	fail(server.ListenAndServe())
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func receiver(publish func([]byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = publish(data)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}
}
