// Package callbackserver is the backend behind a gateway in the tests of gateway.Backend:
// it keeps the callbacks of the gateway protocol that it gets.
package callbackserver

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/contract/backendcontract"
)

// Server answers callbacks. It is safe for concurrent use.
type Server struct {
	http *httptest.Server

	mu     sync.Mutex
	status int                    // guarded by mu
	hang   bool                   // guarded by mu
	calls  []backendcontract.Call // guarded by mu
}

// Start returns a Server that accepts every stream. It ends with t.
func Start(t testing.TB) *Server {
	s := &Server{status: http.StatusOK}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	return s
}

// URL is where callbacks go.
func (s *Server) URL() string { return s.http.URL + "/callback?secret=s3cret" }

// Subject returns a backend that calls URL, for the contract.
func (s *Server) Subject(b gateway.Backend) backendcontract.Subject {
	return backendcontract.Subject{
		Backend: b,
		Answer:  func(status int) { s.set(func() { s.status = status }) },
		Hang:    func() { s.set(func() { s.hang = true }) },
		Break:   s.http.Close,
		Calls:   s.received,
	}
}

func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *Server) received() []backendcontract.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Action  string
		Token   connection.Token
		Reason  connection.Reason
		Request struct {
			URL     string
			Headers json.RawMessage
		}
	}
	text, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(text, &body) != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	headers := bytes.ReplaceAll(bytes.ReplaceAll(body.Request.Headers, []byte(`\u003c`), []byte("<")), []byte(`\u003e`), []byte(">"))
	s.mu.Lock()
	s.calls = append(s.calls, backendcontract.Call{
		Action: body.Action, Token: body.Token, Reason: body.Reason, Target: body.Request.URL, Headers: string(headers),
	})
	status, hang := s.status, s.hang
	s.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return
	}
	w.WriteHeader(status)
}
