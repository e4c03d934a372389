// Command pusher is the reference for what an external gateway takes: a backend
// that does nothing but push each message to every stream, one request per
// stream, over the number of connections that is given. With one that is never kept it
// is what services did before heliograph.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	port := flag.Int("publish", 0, "port for callbacks and messages, on 127.0.0.1")
	gateway := flag.String("gateway", "", "the gateway's URL")
	parallel := flag.Int("parallel", 64, "pushes at one time, each with a kept-alive connection")
	fresh := flag.Bool("fresh", false, "a new connection for each push")
	flag.Parse()
	b := newBackend(*gateway, *parallel, *fresh)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /callback", b.callback)
	mux.HandleFunc("POST /{$}", b.publish)
	server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", *port), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "pusher:", server.ListenAndServe())
	os.Exit(1)
}

// backend knows the open streams and pushes to them.
type backend struct {
	url    string
	client *http.Client
	pushes chan push

	mu     sync.Mutex
	tokens map[string]bool // guarded by mu
}

// push is one event for one stream.
type push struct {
	body []byte
	done *sync.WaitGroup
}

func newBackend(gateway string, parallel int, fresh bool) *backend {
	b := &backend{
		url:    gateway + "/internal/send",
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallel, DisableKeepAlives: fresh}},
		pushes: make(chan push), tokens: map[string]bool{},
	}
	for range parallel {
		go b.work()
	}
	return b
}

func (b *backend) callback(w http.ResponseWriter, r *http.Request) {
	var c struct{ Action, Token string }
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Action == "connect" {
		b.tokens[c.Token] = true
	} else {
		delete(b.tokens, c.Token)
	}
}

// publish answers when every stream's push was answered.
func (b *backend) publish(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var done sync.WaitGroup
	for _, token := range b.open() {
		body, _ := json.Marshal(map[string]any{"token": token, "event": map[string]string{"name": "version", "data": string(data)}}) // strings are always JSON
		done.Add(1)
		b.pushes <- push{body, &done}
	}
	done.Wait()
}

func (b *backend) open() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]string, 0, len(b.tokens))
	for token := range b.tokens {
		all = append(all, token)
	}
	return all
}

func (b *backend) work() {
	for p := range b.pushes {
		if err := b.send(p.body); err != nil {
			fmt.Fprintln(os.Stderr, "pusher:", err)
		}
		p.done.Done()
	}
}

func (b *backend) send(body []byte) error {
	answer, err := b.client.Post(b.url, "application/json", bytes.NewReader(body)) //nolint:noctx // ends with the process
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // nothing to be done about it
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
