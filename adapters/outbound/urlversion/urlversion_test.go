package urlversion_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/urlversion"
	"heliograph/domain/version"
)

func TestOnlyAnAbsoluteHTTPURLWillDo(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]bool{
		"http://host/v.json":           true,
		"https://user:secret@host:1/":  true,
		"":                             false,
		"/v.json":                      false,
		"http:///v.json":               false,
		"file:///v.json":               false,
		"host/v.json?secret":           false,
		"https://secret:secret@[::1/v": false,
	} {
		_, err := urlversion.New(rawURL)
		if (err == nil) != want {
			t.Errorf("New(%q): %v", rawURL, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error of New(%q) contains the secret: %v", rawURL, err)
		}
	}
}

func TestABadAnswerIsUnavailable(t *testing.T) { // V6
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"not 2xx": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, says, http.StatusNotFound) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			write(w, says)
		},
		"over the limit": func(w http.ResponseWriter, _ *http.Request) { write(w, says+strings.Repeat(" ", 1<<20)) },
		"half of one": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			write(w, says)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := serve(t, handler).Current(t.Context(), 0); !errors.Is(err, version.ErrUnavailable) {
				t.Errorf("Current: %v, want %v", err, version.ErrUnavailable)
			}
		})
	}
}

func TestAnErrorDoesNotContainTheURL(t *testing.T) {
	t.Parallel()
	s := newSource(t, "http://user:secret@127.0.0.1:1/?token=secret")
	_, err := s.Current(t.Context(), 0)
	if !errors.Is(err, version.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("Current: %v, want %v without the URL", err, version.ErrUnavailable)
	}
}

func TestTheConnectionIsKeptAlive(t *testing.T) { // V5
	t.Parallel()
	var peers atomic.Value
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if first := peers.Swap(r.RemoteAddr); first != nil && first != r.RemoteAddr {
			t.Errorf("a second connection, %s after %s", r.RemoteAddr, first)
		}
		write(w, says)
	})
	for range 3 {
		if _, err := s.Current(t.Context(), 0); err != nil {
			t.Errorf("Current: %v", err)
		}
	}
}

func TestALookUpTakesTwoSecondsAtMost(t *testing.T) { // V5
	t.Parallel()
	for name, answer := range map[string]string{
		"no answer":             "",
		"an answer without end": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
		"half of the headers":   "HTTP/1.1 200 OK\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := hanging(t, answer)
				start := time.Now()
				_, err := s.Current(t.Context(), 0)
				if took := time.Since(start); !errors.Is(err, version.ErrUnavailable) || took != 2*time.Second {
					t.Errorf("Current: %v after %v, want %v after 2s", err, took, version.ErrUnavailable)
				}
			})
		})
	}
}

func TestACallerMayLeaveEarlier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := hanging(t, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Current(ctx, 0)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, version.ErrUnavailable) {
			t.Errorf("Current: %v, want only %v", err, context.DeadlineExceeded)
		}
	})
}

// hanging returns a source whose server takes a request, answers with the given
// text, and then sends nothing more.
func hanging(t *testing.T, answer string) *urlversion.Source {
	t.Helper()
	s := newSource(t, "http://source/")
	s.DialThrough(func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			_, _ = http.ReadRequest(bufio.NewReader(server))
			_, _ = server.Write([]byte(answer))
			_, _ = server.Read(make([]byte, 1)) // until the client closes
			_ = server.Close()
		}()
		return client, nil
	})
	return s
}
