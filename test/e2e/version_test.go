package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// watchful makes the service look often.
var watchful = []string{"VERSION_POLL_INTERVAL=20ms", "VERSION_CACHE_TTL=5ms"}

// source is a version source that the test controls.
type source struct {
	*httptest.Server

	asked atomic.Int64
	mu    sync.Mutex
	reply func(asked int64) string // "" is a failure; guarded by mu
}

func newSource(t *testing.T, reply func(asked int64) string) *source {
	t.Helper()
	s := &source{reply: reply}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		reply := s.reply
		s.mu.Unlock()
		body := reply(s.asked.Add(1))
		if body == "" {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *source) say(reply func(asked int64) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = reply
}

func always(body string) func(int64) string { return func(int64) string { return body } }

// awaitLooks waits until the source was asked n more times.
func (s *source) awaitLooks(t *testing.T, n int64) {
	t.Helper()
	from := s.asked.Load()
	eventually(t, fmt.Sprintf("%d looks at the source", n), func() bool { return s.asked.Load() >= from+n })
}

// A deploy replaces the version file, and every open page knows without asking.
func TestEditedVersionFileReachesEveryStreamUnasked(t *testing.T) { // V4, V8
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		file := filepath.Join(t.TempDir(), "version.json")
		write(t, file, `{"version":"1.0.0"}`)
		s := start(t, append(watchful, "FRONTEND_VERSION_FILE="+file)...)
		streams := s.streams(t, 3)
		for _, st := range streams {
			st.awaitVersion(t, "1.0.0")
		}
		write(t, file, `{"version":"1.1.0", "changelog": "faster", "build": {"n": 7}}`)
		for _, st := range streams {
			if v := st.awaitVersion(t, "1.1.0"); !sameJSON(t, v.Data, `{"version":"1.1.0","changelog":"faster","build":{"n":7}}`) {
				t.Errorf("V4: payload %s", v.Data)
			}
			s.inOrder(t, st.Events(), place{})
		}
		late := s.stream(t, "late")
		if late.awaitNamed(t, "version"); !slices.Equal(late.versions(t), []string{"1.1.0"}) {
			t.Errorf("V1: a new stream got %q", late.versions(t))
		}
	})
}

// write replaces a file at once, as deploys should.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// While a deploy rolls, a load balancer answers with the old and the new one in
// turn.
func TestAlternatingAnswersAnnounceNoVersion(t *testing.T) { // V8
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		src := newSource(t, always(`{"version":"old"}`))
		s := start(t, append(watchful, "FRONTEND_VERSION_URL="+src.URL)...)
		st := s.stream(t, "me")
		st.awaitVersion(t, "old")

		src.say(func(asked int64) string { return []string{`{"version":"old"}`, `{"version":"new"}`}[asked%2] })
		src.awaitLooks(t, 10)
		if other := s.stream(t, "other"); other.awaitNamed(t, "version").Data != `{"version":"old"}` {
			t.Errorf("V8: while answers alternate a new stream got %q", other.versions(t))
		}
		if got := st.versions(t); slices.Contains(got, "new") {
			t.Errorf("V8: while answers alternated the stream got %q", got)
		}
		src.say(always(`{"version":"new"}`))
		st.awaitVersion(t, "new")
	})
}

func TestVersionSourceMayFail(t *testing.T) { // V6
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		src := newSource(t, always(""))
		s := start(t, append(watchful, "FRONTEND_VERSION_URL="+src.URL)...)
		st := s.stream(t, "me")
		st.awaitNamed(t, "task_snapshot")
		src.awaitLooks(t, 2)
		if got := s.must(t, http.StatusServiceUnavailable, "GET", "/api/version", ""); got.code() != "VERSION_UNAVAILABLE" {
			t.Errorf("V6: GET /api/version says %s", got.body)
		}
		if got := st.versions(t); len(got) != 0 {
			t.Errorf("V6: with no version known the stream got %q", got)
		}

		src.say(always(`{"version":"1"}`))
		st.awaitVersion(t, "1") // counts at once, and is broadcast

		src.say(always(""))
		src.awaitLooks(t, 3)
		if v := s.stream(t, "late").awaitNamed(t, "version"); v.Data != `{"version":"1"}` {
			t.Errorf("V6: with the source down a new stream got %s", v.Data)
		}
		if got := s.must(t, http.StatusOK, "GET", "/api/version", ""); !sameJSON(t, string(got.body), `{"version":"1"}`) {
			t.Errorf("V6: GET /api/version says %s", got.body)
		}

		src.say(always(`{"version":"2"}`))
		st.awaitVersion(t, "2")
		if got := st.versions(t); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("V6: the stream got %q", got)
		}
	})
}

// A hundred tabs that come back at once must not become a hundred look-ups.
func TestReconnectStormSharesSourceLookups(t *testing.T) { // V5
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		src := newSource(t, always(`{"version":"1"}`))
		s := start(t, "VERSION_CACHE_TTL=1m", "FRONTEND_VERSION_URL="+src.URL)
		for _, st := range s.streams(t, 100) {
			st.awaitVersion(t, "1")
		}
		if got := src.asked.Load(); got != 1 {
			t.Errorf("V5: %d look-ups for 100 connections within the cache's time, want 1", got)
		}
	})
}

func TestAnnouncedVersionStaysPendingForItsClient(t *testing.T) { // V1, V2, V3, V4, E2
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "FRONTEND_VERSION=1")
		mine, other := s.stream(t, "mine"), s.stream(t, "other")
		mine.awaitVersion(t, "1")
		other.awaitVersion(t, "1")
		got := s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2","request_id":"mine","extra":[1.50,"x"]}`)
		if !sameJSON(t, string(got.body), `{"delivered":true}`) {
			t.Errorf("V2: %s", got.body)
		}
		for _, st := range []*stream{mine, other} {
			if v := st.awaitVersion(t, "2"); !strings.Contains(v.Data, "1.50") || !sameJSON(t, v.Data, `{"version":"2","extra":[1.50,"x"]}`) {
				t.Errorf("V4: %s", v.Data)
			}
		}
		for id, want := range map[string]string{"mine": "2", "other": "1", "third": "1"} {
			for range 2 { // V3: sending does not clear it
				if got := s.stream(t, id).awaitNamed(t, "version"); decode[struct{ Version string }](t, got.Data).Version != want {
					t.Errorf("V1: %s reconnects and gets %s, want version %s", id, got.Data, want)
				}
			}
		}
		s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"3"}`) // no client need be connected: E3
	})
}

// Without a source the version is what is announced; with one, what was said last.
func TestAnnouncedVersionIsTheCurrentOne(t *testing.T) { // V1, V6
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t)
		st := s.stream(t, "me")
		st.awaitNamed(t, "task_snapshot")
		got := s.must(t, http.StatusServiceUnavailable, "GET", "/api/version", "")
		if got.code() != "VERSION_UNAVAILABLE" || !strings.Contains(string(got.body), "none is configured") {
			t.Errorf("V6: GET /api/version says %s", got.body)
		}
		s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"8","request_id":"other"}`)
		st.awaitVersion(t, "8")
		s.must(t, http.StatusServiceUnavailable, "GET", "/api/version", "") // it is that client's only
		s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"9"}`)
		st.awaitVersion(t, "9")
		for id, want := range map[string]string{"me": "9", "new": "9", "other": "8"} {
			again := s.stream(t, id)
			again.awaitVersion(t, want)
			if got := again.versions(t); !slices.Equal(got, []string{want}) {
				t.Errorf("V1: %s connects and gets %q, want %s", id, got, want)
			}
		}
		if got := s.must(t, http.StatusOK, "GET", "/api/version", ""); !sameJSON(t, string(got.body), `{"version":"9"}`) {
			t.Errorf("V6: GET /api/version says %s", got.body)
		}
	})
}

// Without a source what was announced is all that there is: nothing takes its place after
// a restart, and no stream that comes back falls behind it.
func TestAnnouncedVersionWithoutASourceSurvivesARestart(t *testing.T) { // V1, V6
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "DATA_DIR="+t.TempDir())
		s.must(t, http.StatusServiceUnavailable, "GET", "/api/version", "")
		st := s.stream(t, "me")
		st.awaitNamed(t, "task_snapshot")
		for _, v := range []string{"8", "9"} {
			s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"`+v+`"}`)
			st.awaitVersion(t, v)
		}
		s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"10","request_id":"mine"}`)
		st.awaitVersion(t, "10")
		s.kill(t)
		s.again(t)
		if got := s.must(t, http.StatusOK, "GET", "/api/version", ""); !sameJSON(t, string(got.body), `{"version":"9"}`) {
			t.Errorf("V6: GET /api/version says %s", got.body)
		}
		for id, want := range map[string]string{"me": "9", "new": "9", "mine": "10"} {
			again := s.stream(t, id)
			again.awaitVersion(t, want)
			again.awaitNamed(t, "task_snapshot")
			if got := again.versions(t); !slices.Equal(got, []string{want}) {
				t.Errorf("V1, V6: after a restart %s gets %q, want %s", id, got, want)
			}
		}
	})
}

func TestAnnouncedVersionSurvivesARestart(t *testing.T) { // V6
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, append(watchful, "DATA_DIR="+t.TempDir(), "FRONTEND_VERSION=1")...)
		st := s.stream(t, "me")
		st.awaitVersion(t, "1")
		s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
		st.awaitVersion(t, "2")
		s.kill(t)
		s.again(t)
		late := s.stream(t, "late")
		late.awaitVersion(t, "2")
		if got := late.versions(t); !slices.Equal(got, []string{"2"}) {
			t.Errorf("V6: after a restart a new stream got %q", got)
		}
	})
}
