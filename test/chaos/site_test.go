package chaos_test

import (
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/test/clientbundle"
)

// ending is put into the worker's script, so that a test can end it where a browser's protocol
// cannot.
const ending = "\n;if(typeof SharedWorkerGlobalScope!=='undefined')new BroadcastChannel('chaos').onmessage=()=>close();\n"

// site is the page's origin, over HTTP/1.1: the page, the service behind a reverse proxy that
// can be broken, and the library of the build that is deployed.
type site struct {
	url    string
	target atomic.Pointer[url.URL]
	server *httptest.Server
	token  atomic.Pointer[string] // of who is logged in; nil is nobody
	begun  atomic.Int64           // streams

	mu      sync.Mutex
	random  *rand.Rand        // guarded by mu
	scripts map[string][]byte // the library by name; guarded by mu
	fault   *fault            // nil passes everything on. Guarded by mu
}

// fault is what the proxy does wrong, until it is repaired.
type fault struct {
	kind     string
	repaired chan struct{}
	// after draws how many bytes of a body pass first.
	after func() int64
	// delay draws how long a buffer keeps what it has.
	delay func() time.Duration
}

func newSite(t *testing.T, service string, seed uint64) *site {
	t.Helper()
	s := &site{random: rand.New(rand.NewPCG(seed, 1))}
	s.pointTo(service)
	transport := &http.Transport{DisableCompression: true}
	mux := http.NewServeMux()
	files := http.FileServer(http.Dir("testdata"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		if token := s.token.Load(); token != nil {
			_, _ = io.WriteString(w, *token)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(s.target.Load()) },
		Transport:      transport,
		ModifyResponse: s.harm,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // of what is broken on purpose
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	mux.Handle("/api/", proxy)
	mux.HandleFunc("/api/client/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		script := s.scripts[r.PathValue("name")]
		s.mu.Unlock()
		if script == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(script)
	})
	s.server = httptest.NewServer(mux)
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.url = s.server.URL
	t.Cleanup(func() {
		s.repair()
		s.server.CloseClientConnections()
		s.server.Close()
		transport.CloseIdleConnections()
	})
	return s
}

// pointTo has requests go to another service from now on.
func (s *site) pointTo(service string) {
	target, err := url.Parse(service)
	if err != nil {
		panic(err) // the harness made it
	}
	s.target.Store(target)
}

// build returns the library of broken sources, by name.
func build(t testing.TB, mutations ...clientbundle.Mutation) map[string][]byte {
	t.Helper()
	scripts, err := clientbundle.Mutated("../../adapters/inbound/webclient/src", mutations...)
	if err != nil {
		t.Fatal(err)
	}
	return scripts
}

// deploy has the site serve a build of the library, also while the service is away, as a
// browser's cache and a CDN would.
func (s *site) deploy(scripts map[string][]byte) {
	scripts = maps.Clone(scripts)
	scripts["worker.js"] = slices.Concat(scripts["worker.js"], []byte(ending))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts = scripts
}

// below returns a random number.
func (s *site) below(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Int64N(n)
}

// breakNow has the proxy do something wrong from now on, with what is open too if it is cut.
func (s *site) breakNow(kind string) {
	f := &fault{
		kind: kind, repaired: make(chan struct{}),
		after: func() int64 { return 1 + s.below(4000) },
		delay: func() time.Duration { return time.Duration(s.below(700)) * time.Millisecond },
	}
	s.mu.Lock()
	s.fault = f
	s.mu.Unlock()
}

// cut breaks all connections to browsers.
func (s *site) cut() { s.server.CloseClientConnections() }

// repair ends what breakNow began. Bodies that stood still go on.
func (s *site) repair() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		close(s.fault.repaired)
	}
	s.fault = nil
}

// isBroken returns what the proxy does wrong now, or nil.
func (s *site) isBroken() *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// harm has a body be read through whatever is broken.
func (s *site) harm(res *http.Response) error {
	isStream := strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream")
	isScript := path.Dir(res.Request.URL.Path) == "/api/client"
	switch {
	case isScript:
	case isStream:
		s.begun.Add(1)
		res.Body = &stream{ReadCloser: res.Body, site: s, born: s.isBroken(), gone: res.Request.Context().Done()}
	default:
		if f := s.isBroken(); f != nil && f.kind == "buffer" { // an answer is older when it comes
			whole, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			f.wait(2*f.delay(), res.Request.Context().Done())
			res.Body = struct {
				io.Reader
				io.Closer
			}{strings.NewReader(string(whole)), res.Body}
		}
	}
	return nil
}

// wait lets some time pass, unless the fault is repaired or nobody waits any more.
func (f *fault) wait(d time.Duration, gone <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.repaired:
	case <-gone:
	}
}

// stream is the body of a stream, which does what is broken at the time.
type stream struct {
	io.ReadCloser
	site *site
	gone <-chan struct{}
	born *fault // what was broken when it began
	cut  *fault // for which left was drawn
	left int64
}

func (b *stream) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	f := b.site.isBroken()
	if f == nil || n == 0 {
		return n, err
	}
	switch f.kind {
	case "cut":
		if b.cut != f {
			b.cut, b.left = f, f.after()
		}
		if b.left -= int64(n); b.left <= 0 {
			return max(0, n+int(b.left)), io.ErrUnexpectedEOF // the proxy breaks the connection
		}
	case "stall": // nothing passes, and then all of it
		select {
		case <-f.repaired:
		case <-b.gone:
		}
	case "half-open": // the service's side is gone, and nobody tells the browser
		if b.born == f {
			break
		}
		_ = b.Close()
		<-b.gone
		return 0, io.ErrUnexpectedEOF
	case "buffer":
		f.wait(f.delay(), b.gone)
	}
	return n, err
}
