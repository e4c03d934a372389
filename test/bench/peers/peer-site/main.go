// Command peer-site is a server on github.com/centrifugal/centrifuge with what a page in a
// browser is measured with: the page's files under /bench/, WebSockets, a call that starts what
// stands for a task, and POST /bench/flood. One channel has what a stream of heliograph has.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge"
)

const channel = "bench"

func main() {
	port := flag.Int("port", 0, "on 127.0.0.1")
	pages := flag.String("pages", "", "folder of the files under /bench/")
	flag.Parse()
	fmt.Fprintln(os.Stderr, run(*port, *pages))
	os.Exit(1)
}

func run(port int, pages string) error {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError})
	if err != nil {
		return err
	}
	s := &site{node: node}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: ""}}, nil // anonymous
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
		client.OnRPC(s.start)
	})
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/bench/", http.StripPrefix("/bench/", http.FileServer(http.Dir(pages))))
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	mux.HandleFunc("POST /bench/flood", s.flood)
	mux.HandleFunc("POST /bench/tasks", s.task)
	mux.HandleFunc("GET /bench/streams", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(node.Hub().NumClients()) })
	server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

type site struct {
	node  *centrifuge.Node
	begun atomic.Int64 // tasks
}

// order says what to publish: so many events a second, of so many rows, for so long.
type order struct {
	Rate, Seconds float64
	Rows          int
}

// step is how often something is published: what is due is published together.
const step = 2 * time.Millisecond

// pace calls publish with 0, 1, … as often as rate asks for, in events a second, for some time
// or until publish fails. It returns how often that was.
func pace(rate, seconds float64, publish func(n int) error) (n int, err error) {
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	for begun := time.Now(); ; <-ticks.C {
		due := min(time.Since(begun).Seconds(), seconds) * rate
		for ; float64(n) < due; n++ {
			if err := publish(n); err != nil {
				return n, err
			}
		}
		if float64(n) >= seconds*rate {
			return n, nil
		}
	}
}

// flood publishes what POST /api/events of heliograph would, and answers with how many.
func (s *site) flood(w http.ResponseWriter, r *http.Request) {
	var o order
	err := json.NewDecoder(r.Body).Decode(&o)
	if err == nil && o.Rows < 1 {
		err = errors.New("no rows")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n, err := pace(o.Rate, o.Seconds, func(n int) error {
		at := float64(n) / (o.Rate * o.Seconds)
		return s.publish(fmt.Appendf(nil, `{"id":"%d","value":%.4f,"text":"row %d"}`, n%o.Rows, at, n))
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(n)
}

func (s *site) publish(data []byte) error {
	_, err := s.node.Publish(channel, data)
	return err
}

// start is what a page calls to start what stands for a task.
func (s *site) start(e centrifuge.RPCEvent, done centrifuge.RPCCallback) {
	var o order
	if err := json.Unmarshal(e.Data, &o); err != nil {
		done(centrifuge.RPCReply{}, centrifuge.ErrorBadRequest)
		return
	}
	done(centrifuge.RPCReply{Data: fmt.Appendf(nil, `{"task_id":%q}`, s.begin(o))}, nil)
}

// task does the same for a backend.
func (s *site) task(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(s.begin(o))
}

// begin publishes progress under an ID, in the words of heliograph's events.
func (s *site) begin(o order) string {
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", s.begun.Add(1))
	created := time.Now().UTC().Format(time.RFC3339Nano)
	go func() {
		_, _ = pace(o.Rate, o.Seconds, func(n int) error { // ends with the process
			return s.publish(fmt.Appendf(nil, `{"event_type":"progress_update","task_id":%q,"type":"work","created_at":%q,"timestamp":%q,"seq":%d,"attempt":1,"data":{"text":"row %d","value":%.4f}}`,
				id, created, time.Now().UTC().Format(time.RFC3339Nano), n+2, n, float64(n+1)/(o.Rate*o.Seconds+1)))
		})
	}()
	return id
}
