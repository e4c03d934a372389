package httpbackend_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/httpbackend"
	"heliograph/domain/connection"
	"heliograph/test/contract/backendcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is the other side.
type service struct {
	mu     sync.Mutex
	status int                    // guarded by mu
	hang   bool                   // guarded by mu
	calls  []backendcontract.Call // guarded by mu
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Action  string
		Token   connection.Token
		Reason  connection.Reason
		Request struct {
			URL     string
			Headers json.RawMessage
		}
	}
	text, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(text, &body) != nil {
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

func (s *service) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func TestBackendContract(t *testing.T) {
	backendcontract.Run(t, func(t *testing.T) backendcontract.Subject {
		s := &service{status: http.StatusOK}
		server := httptest.NewServer(s)
		b, err := httpbackend.New(httpbackend.Config{URL: server.URL + "/callback?secret=s3cret", Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			b.Close()
			server.Close()
		})
		return backendcontract.Subject{
			Backend: b,
			Answer:  func(status int) { s.set(func() { s.status = status }) },
			Hang:    func() { s.set(func() { s.hang = true }) },
			Break:   server.Close,
			Calls: func() []backendcontract.Call {
				s.mu.Lock()
				defer s.mu.Unlock()
				return slices.Clone(s.calls)
			},
		}
	})
}
