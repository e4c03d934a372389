// Command each is the stream engine with events of which each is for one stream: every
// message that is published goes to the subject of every stream by itself, or to its
// token. It shows what an audience costs beside a private event.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/http/streamhttp"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

func main() {
	port := flag.Int("streams", 0, "port for streams, on 127.0.0.1")
	publish := flag.Int("publish", 0, "port for messages")
	tokens := flag.Bool("tokens", false, "send to tokens instead of subjects")
	flag.Parse()
	gin.SetMode(gin.ReleaseMode)
	s := &streams{
		engine: sse.New(sse.Config{Start: event.ID{Epoch: "bench"}, HistoryBytes: 16 << 20, Heartbeat: 15 * time.Second}, uncounted{}),
		opener: streamhttp.NewOpener(0), toTokens: *tokens,
	}
	go s.engine.Serve(context.Background()) //nolint:errcheck // it ends with the process
	router := gin.New()
	router.GET("/stream", s.open)
	messages := &http.Server{Addr: address(*publish), Handler: http.HandlerFunc(s.publish), ReadHeaderTimeout: 10 * time.Second}
	go func() { fail(messages.ListenAndServe()) }()
	server := httpserver.New(httpserver.Config{Variable: "-streams", Addr: address(*port)}, router, slog.New(slog.DiscardHandler))
	if err := server.Listen(context.Background()); err != nil {
		fail(err)
	}
	fail(server.Serve(context.Background()))
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func fail(err error) {
	fmt.Fprintln(os.Stderr, "each:", err)
	os.Exit(1)
}

// uncounted is a gateway.Metrics.
type uncounted struct{}

func (uncounted) Sent(event.Service, int, int)      {}
func (uncounted) Took(event.Service, time.Duration) {}

// pollInterval is far less than writing to all streams takes.
const pollInterval = time.Millisecond

type streams struct {
	engine   *sse.Engine
	opener   *streamhttp.Opener
	toTokens bool

	mu     sync.Mutex
	opened int    // guarded by mu; stream n has the subject and the token n
	seq    uint64 // guarded by mu
}

func (s *streams) open(c *gin.Context) {
	s.mu.Lock()
	s.opened++
	name := strconv.Itoa(s.opened)
	s.mu.Unlock()
	viewer := access.Viewer{Subject: name, Roles: []string{"user", "editor", "support"}}
	stream, err := s.engine.Resume(c.Request.Context(), connection.Token(name), sse.Client{Name: name, Viewer: viewer})
	if err != nil {
		c.AbortWithStatus(http.StatusServiceUnavailable)
		return
	}
	if !s.opener.Adopt(c, stream, func() {}) {
		stream.Detach()
		c.AbortWithStatus(http.StatusServiceUnavailable)
	}
}

// publish sends a message to all streams, and waits until about that is written: more than
// a message at a time would be no events for one stream each but batches.
func (s *streams) publish(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil || !json.Valid(data) {
		http.Error(w, "want JSON", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.engine.Stats().WrittenBytes
	for n := range s.opened {
		name := strconv.Itoa(n + 1)
		// Each has memory of its own: nothing is encoded for several.
		ev := event.Event{Service: event.ServiceTask, Name: "version", Data: append(json.RawMessage(nil), data...)}
		if s.toTokens {
			_ = s.engine.Send(connection.Token(name), ev) // it may have ended
			continue
		}
		s.seq++
		ev.Audience = &access.Audience{Subjects: []string{name}}
		if err := s.engine.Broadcast(event.Record{ID: event.ID{Epoch: "bench", Seq: s.seq}, Event: ev}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for s.engine.Stats().WrittenBytes-before < uint64(s.opened*len(data)) && r.Context().Err() == nil { //nolint:gosec // not negative
		<-poll.C
	}
}
