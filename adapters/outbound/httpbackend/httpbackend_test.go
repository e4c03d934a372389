package httpbackend_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"heliograph/adapters/outbound/httpbackend"
	"heliograph/domain/gateway"
)

func TestWithoutAURLThereIsNoBackend(t *testing.T) {
	b, err := httpbackend.New(httpbackend.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Connect(t.Context(), "t", gateway.Request{}); !errors.Is(err, gateway.ErrNotConfigured) {
		t.Errorf("connect: %v, want ErrNotConfigured", err)
	}
}

func TestURLIsUsedUnchangedAndNeverShown(t *testing.T) {
	var target, user string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		target, user = r.RequestURI, name+":"+password
	}))
	url := strings.Replace(server.URL, "http://", "http://me:pass@", 1) + "/a%2Fb?secret=s3cret&x"
	b, err := httpbackend.New(httpbackend.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")}); err != nil || target != "/a%2Fb?secret=s3cret&x" || user != "me:pass" {
		t.Errorf("connect: %v; it asked %s as %s", err, target, user)
	}
	server.Close()
	if _, err := b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")}); err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "pass") {
		t.Errorf("of a backend that is away: %v; its error must hold no secret", err)
	}
}

func TestBadURLIsRefused(t *testing.T) {
	for _, url := range []string{"localhost:3000", "http://", "ftp://b/", "http://me:s3cret@b d/", "%"} {
		if _, err := httpbackend.New(httpbackend.Config{URL: url}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A load balancer that moves a path says so with 307 or 308.
func TestCallbackFollowsRedirectsThatKeepIt(t *testing.T) { // gateway-protocol: callbacks
	type arrival struct{ method, body, user, referer string }
	var got []arrival
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, password, _ := r.BasicAuth()
		got = append(got, arrival{r.Method, string(body), password, r.Referer()})
	}))
	defer target.Close()
	status, location := 0, target.URL
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}))
	defer server.Close()
	b, err := httpbackend.New(httpbackend.Config{URL: strings.Replace(server.URL, "127.0.0.1", "me:pass@localhost", 1) + "/?secret=s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, status = range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		if _, err := b.Connect(t.Context(), "t", gateway.Request{Target: "/x", Headers: []byte("{}")}); err != nil {
			t.Errorf("status %d: %v", status, err)
		}
	}
	want := arrival{http.MethodPost, `{"action":"connect","token":"t","request":{"url":"/x","headers":{}}}`, "", ""}
	if !slices.Equal(got, []arrival{want, want}) {
		t.Errorf("the target got %+v, want %+v twice: without the password and the secret of another host", got, want)
	}
	for _, status = range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther} {
		_, err := b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")})
		if rejected, ok := errors.AsType[*gateway.RejectedError](err); !ok || rejected.Status != status {
			t.Errorf("status %d: %v, want it rejected", status, err)
		}
	}
	status, location = http.StatusTemporaryRedirect, server.URL+"/again"
	_, err = b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")})
	if rejected, ok := errors.AsType[*gateway.RejectedError](err); !ok || rejected.Status != status {
		t.Errorf("a redirect to itself: %v, want it rejected", err)
	}
	if len(got) != 2 {
		t.Errorf("the target was called %d times, want 2", len(got))
	}
}

func TestBackendMayAskForTheClientToComeBack(t *testing.T) { // G2, G6
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(gateway.ComeBackHeader, "true")
	}))
	defer server.Close()
	b, err := httpbackend.New(httpbackend.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")}); !errors.Is(err, gateway.ErrComeBack) {
		t.Errorf("connect: %v, want ErrComeBack", err)
	}
}

func TestBackendMayKeepWhatIsForAllFromAStream(t *testing.T) { // A12
	for header, want := range map[string]gateway.Acceptance{gateway.OwnOnlyHeader: {OwnOnly: true}, "X-Other": {}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(header, "true") }))
		b, err := httpbackend.New(httpbackend.Config{URL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")}); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", header, got, err, want)
		}
		b.Close()
		server.Close()
	}
}

func TestSlowBackendIsAskedAboutManyStreamsAtATime(t *testing.T) {
	const calls = 544 // application/relay: 512 connects and 32 disconnects
	var arrived atomic.Int64
	all := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if arrived.Add(1) == calls {
			close(all)
		}
		select {
		case <-all:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	b, err := httpbackend.New(httpbackend.Config{URL: server.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var calling errgroup.Group
	for range calls {
		calling.Go(func() error {
			_, err := b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")})
			return err
		})
	}
	if err := calling.Wait(); err != nil {
		t.Errorf("of %d callbacks at a time: %v", calls, err)
	}
}

func TestConnectionIsUsedAgainAfterAnyAnswer(t *testing.T) {
	addresses, n := map[string]bool{}, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addresses[r.RemoteAddr] = true
		n++
		w.WriteHeader([]int{200, 401, 500}[n%3])
		_, _ = w.Write([]byte(strings.Repeat("something ", 100)))
	}))
	defer server.Close()
	b, err := httpbackend.New(httpbackend.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for range 6 {
		_, _ = b.Connect(t.Context(), "t", gateway.Request{Headers: []byte("{}")})
	}
	if n != 6 || len(addresses) != 1 {
		t.Errorf("%d callbacks over %d connections, want 6 over 1", n, len(addresses))
	}
}
