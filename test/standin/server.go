package standin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server gives a Gateway a port of its own, which it can leave and take again:
// a gateway that dies and is started anew.
type Server struct {
	*Gateway

	mu     sync.Mutex
	addr   string       // guarded by mu; "" until it was there once
	server *http.Server // guarded by mu; nil while away
	serve  chan error   // guarded by mu; what the server ended with
}

// NewServer returns a Server of a new Gateway. It listens nowhere yet.
func NewServer() *Server { return &Server{Gateway: New()} }

// URL is where the gateway is, or was last.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "http://" + s.addr
}

// Back listens on addr the first time, and on the same port again later. When
// it is there already, nothing happens. Errors: the port is taken.
func (s *Server) Back(ctx context.Context, addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return nil
	}
	if s.addr != "" {
		addr = s.addr
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.addr = listener.Addr().String()
	s.server = &http.Server{Handler: s.Gateway, ReadHeaderTimeout: time.Minute}
	s.serve = make(chan error, 1)
	go func(server *http.Server, ended chan<- error) { ended <- server.Serve(listener) }(s.server, s.serve)
	return nil
}

// Away ends like a process that is killed: every connection breaks, no stream
// is known any more, and the backend gets no disconnect callback.
func (s *Server) Away() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return nil
	}
	s.Forget("")
	s.forgetTaken()
	err := s.server.Close()
	if ended := <-s.serve; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	s.server = nil
	return err
}
