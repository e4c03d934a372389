// Command peer-asynq runs tasks with github.com/hibiken/asynq on a Redis server of its
// own: what is posted becomes a task that does nothing, and its end a message on every
// stream. Redis writes its log to the disk each second, as heliograph does with DATA_DIR.
package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"heliograph/test/bench/peers/internal/peer"
)

const (
	workers = 16
	// startTime is for Redis to take connections.
	startTime = 10 * time.Second
)

func main() {
	peer.Serve(func(bool) (http.Handler, func([]byte) error, error) {
		address, err := startRedis()
		if err != nil {
			return nil, nil, err
		}
		redis := asynq.RedisClientOpt{Addr: address}
		client, ended := asynq.NewClient(redis), &streams{all: make(map[chan []byte]bool)}
		// TaskCheckInterval is short, so that a worker that found nothing does not sleep for
		// the second that is its default.
		server := asynq.NewServer(redis, asynq.Config{Concurrency: workers, LogLevel: asynq.FatalLevel, TaskCheckInterval: 5 * time.Millisecond})
		err = server.Start(asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error {
			ended.send(t.Payload())
			return nil
		}))
		return ended, func(data []byte) error {
			_, err := client.Enqueue(asynq.NewTask("noop", data), asynq.Retention(10*time.Minute)) // as long as heliograph
			return err
		}, err
	})
}

// startRedis starts a server, which the benchmark ends with all others, and returns its
// address.
func startRedis() (string, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	address := l.Addr().(*net.TCPAddr) //nolint:forcetypeassert // it is TCP
	if err := l.Close(); err != nil {
		return "", err
	}
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(address.Port), //nolint:noctx,gosec // see above
		"--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--dir", ".")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	for deadline := time.Now().Add(startTime); ; time.Sleep(10 * time.Millisecond) { //nolint:forbidigo // no signal says that it is ready
		conn, err := net.Dial("tcp", address.String()) //nolint:noctx // on this machine
		if err == nil {
			return address.String(), conn.Close()
		}
		if time.Now().After(deadline) {
			return "", errors.Join(errors.New("redis-server does not start"), err)
		}
	}
}

// streams are the event streams that are open. It is safe for concurrent use.
type streams struct {
	mu  sync.Mutex
	all map[chan []byte]bool // guarded by mu
}

// backlog is how many messages a stream may be behind.
const backlog = 1 << 14

func (s *streams) send(data []byte) {
	frame := append(append([]byte("data: "), bytes.TrimSpace(data)...), "\n\n"...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream := range s.all {
		stream <- frame
	}
}

func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	frames := make(chan []byte, backlog)
	s.mu.Lock()
	s.all[frames] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.all, frames)
		s.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	for {
		select {
		case frame := <-frames:
			if _, err := w.Write(frame); err != nil {
				return
			}
			if len(frames) == 0 && http.NewResponseController(w).Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
