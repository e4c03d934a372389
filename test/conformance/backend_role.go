package conformance

import (
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// callback is one that the gateway made.
type callback struct {
	Action  string
	Token   string
	Reason  string
	Request struct {
		URL     string
		Headers map[string]any
	}

	key    string // names the stream's test
	raw    map[string]json.RawMessage
	post   *http.Request // its body is read
	status int           // that it was answered with; 0 while it is not
}

// header returns a header of the client's request.
func (c callback) header(name string) string {
	text, _ := c.Request.Headers[name].(string)
	return text
}

// plan is how a stream's connect callback is answered.
type plan func(w http.ResponseWriter, r *http.Request, c callback)

// backend is the suite in its role as the gateway's backend. What it answers is
// decided per stream: each has a key in its URL.
type backend struct {
	mu      sync.Mutex
	plans   map[string]plan // by key; guarded by mu
	calls   []*callback     // guarded by mu
	changed chan struct{}   // guarded by mu; closed and replaced with calls
}

// serveCallbacks listens where the gateway looks for its backend, until the
// test's end.
func serveCallbacks(t *testing.T, s GatewaySubject) *backend {
	t.Helper()
	addr := s.CallbackAddr
	if addr == "" {
		u, err := url.Parse(s.CallbackURL)
		if err != nil {
			t.Fatalf("the callback URL: %v", err)
		}
		addr = u.Host
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatalf("listen for callbacks: %v", err)
	}
	b := &backend{plans: map[string]plan{}, changed: make(chan struct{})}
	serve(t, listener, b)
	return b
}

// serve answers requests until the test's end.
func serve(t *testing.T, l net.Listener, h http.Handler) {
	t.Helper()
	server := &http.Server{Handler: h, ReadHeaderTimeout: waitLimit, ErrorLog: log.New(io.Discard, "", 0)}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) }) // until it is closed
	t.Cleanup(func() {
		_ = server.Close()
		running.Wait()
	})
}

var keyForm = regexp.MustCompile(`key-[0-9a-f]{32}`)

// ServeHTTP implements the callback.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &callback{post: r}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &c.raw)
	}
	if err == nil {
		err = json.Unmarshal(body, c)
	}
	if err != nil { // recorded without an action: mustAddUp tells
		c.Reason = err.Error()
	}
	c.key = keyForm.FindString(c.Request.URL)
	answer := &recorder{ResponseWriter: w, call: c, backend: b}
	b.record(c)(answer, r, *c)
	answer.note(http.StatusOK)
}

// record notes a callback, and returns how it is to be answered.
func (b *backend) record(c *callback) plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, c)
	b.changedLocked()
	if p := b.plans[c.key]; p != nil && c.Action == "connect" {
		return p
	}
	return accept
}

func (b *backend) changedLocked() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter

	call    *callback
	backend *backend
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.note(status)
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// note keeps the first status.
func (r *recorder) note(status int) {
	r.backend.mu.Lock()
	defer r.backend.mu.Unlock()
	if r.call.status == 0 {
		r.call.status = status
		r.backend.changedLocked()
	}
}

// accept is what our own backend does.
func accept(w http.ResponseWriter, _ *http.Request, _ callback) { _, _ = io.WriteString(w, "{}") }

// status answers with a status and this body.
func status(code int, body string) plan {
	return func(w http.ResponseWriter, _ *http.Request, _ callback) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// when answers with p once released. The gateway may hang up before.
func when(released <-chan struct{}, p plan) plan {
	return func(w http.ResponseWriter, r *http.Request, c callback) {
		select {
		case <-released:
			p(w, r, c)
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
}

// hangUp breaks the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request, callback) { panic(http.ErrAbortHandler) }

// planned makes a new key, whose connect callback is answered by p.
func (b *backend) planned(p plan) (key string) {
	key = newKey()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plans[key] = p
	return key
}

// of returns the callbacks of a key that have an action, in order.
func (b *backend) of(key, action string) (found []callback, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		if c.key == key && c.Action == action {
			found = append(found, *c)
		}
	}
	return found, b.changed
}

// await waits for the first callback of a key that has an action, and returns
// it.
func (b *backend) await(t *testing.T, key, action string) callback {
	t.Helper()
	for limit := time.After(waitLimit); ; {
		found, changed := b.of(key, action)
		if len(found) > 0 {
			return found[0]
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("waited %s in vain for the %s callback of a stream", waitLimit, action)
		}
	}
}

// mustBalance holds all callbacks of the run against each other.
func (b *backend) mustBalance(t *testing.T) {
	t.Helper()
	eventually(t, "every stream that was open has its disconnect callback", func() bool {
		return len(b.open()) == 0
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	connects, disconnects := map[string]*callback{}, map[string]int{}
	for _, c := range b.calls {
		switch c.Action {
		case "connect":
			if c.status == http.StatusTemporaryRedirect || c.status == http.StatusPermanentRedirect {
				continue // it was sent on
			}
			if connects[c.Token] != nil {
				t.Errorf("%s has two connect callbacks", c.Request.URL)
			}
			connects[c.Token] = c
		case "disconnect":
			if disconnects[c.Token]++; disconnects[c.Token] > 1 {
				t.Errorf("%s has %d disconnect callbacks", c.Request.URL, disconnects[c.Token])
			}
			if before := connects[c.Token]; before == nil || before.status/100 != 2 || strings.Contains(c.Request.URL, leftEarly) {
				t.Errorf("%s has a disconnect callback, and was never open", c.Request.URL)
			}
		default:
			t.Errorf("a callback with action %q: %s", c.Action, c.Reason)
		}
	}
}

// open returns the tokens of streams that were accepted and have not ended, but
// for those whose client had left before.
func (b *backend) open() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	tokens := map[string]struct{}{}
	for _, c := range b.calls {
		switch {
		case c.Action == "disconnect":
			delete(tokens, c.Token)
		case c.status/100 == 2 && !strings.Contains(c.Request.URL, leftEarly):
			tokens[c.Token] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(tokens))
}
