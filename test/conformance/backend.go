package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// BackendSubject is a running backend, and what the suite must know of it.
type BackendSubject struct {
	// CallbackURL is where it takes callbacks, with the secret if it wants one.
	CallbackURL string
	// GatewayAddr is the host:port at which it looks for its gateway. The suite
	// listens there while it runs.
	GatewayAddr string
	// Secret is what the backend must send to the gateway; "" is none.
	Secret string
	// Accepted is a request target that the backend accepts, with %s for what makes
	// it unlike any other; "" is /any/path?request_id=%s.
	Accepted string
	// Rejected is a request target that it does not accept; "" leaves that untested.
	Rejected string
	// Announce makes the backend send an event to every stream, and returns a text
	// that stands in its data and nowhere else. nil leaves pushes untested, but for
	// those that the backend makes by itself.
	Announce func(t *testing.T) string
	// Resumes says that it sends a client that comes back what it has missed.
	Resumes bool
}

// Backend runs the suite for backends.
func Backend(t *testing.T, subject BackendSubject) {
	t.Helper()
	if subject.Accepted == "" {
		subject.Accepted = "/any/path?request_id=%s"
	}
	b := &backendUnderTest{BackendSubject: subject, gateway: serveGateway(t, subject)}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{Transport: transport, Timeout: callbackLimit}
	for _, s := range backendSentences { // not in parallel: a gateway is exchanged on the way
		t.Run(s.text, func(t *testing.T) { s.prove(t, b) })
	}
	t.Run("every push was as the protocol says", func(t *testing.T) {
		for _, wrong := range b.gateway.complaints() {
			t.Error(wrong)
		}
	})
}

// backendUnderTest is the subject with the suite's ways to talk to it.
type backendUnderTest struct {
	BackendSubject

	gateway *fakeGateway
	client  *http.Client
}

// post makes a callback and returns the status and the body of the answer.
func (b *backendUnderTest) post(t *testing.T, body any) answer {
	t.Helper()
	g := &gateway{client: b.client} // for its way to make requests
	return g.do(t, http.MethodPost, b.CallbackURL, body)
}

// connect is the body of a connect callback.
func (b *backendUnderTest) connect(key string, more map[string]any) map[string]any {
	token := b.gateway.newToken()
	body := map[string]any{
		"action": "connect", "token": token,
		"request": map[string]any{"url": fmt.Sprintf(b.Accepted, key), "headers": map[string]any{"host": "gateway.test"}},
	}
	maps.Copy(body, more)
	return body
}

// open makes an accepted stream and returns its token; the test's end ends it.
func (b *backendUnderTest) open(t *testing.T, headers map[string]any) string {
	t.Helper()
	key := newKey()
	request := map[string]any{"url": fmt.Sprintf(b.Accepted, key), "headers": headers}
	body := b.connect(key, map[string]any{"request": request})
	token, _ := body["token"].(string)
	b.mustAccept(t, body)
	b.gateway.accepted(token)
	t.Cleanup(func() {
		b.mustAccept(t, map[string]any{"action": "disconnect", "token": token, "reason": "client_closed", "request": request})
		b.gateway.forget(token)
	})
	return token
}

func (b *backendUnderTest) mustAccept(t *testing.T, body any) answer {
	t.Helper()
	got := b.post(t, body)
	if got.status/100 != 2 {
		t.Errorf("callback %v: %d %.300s, want 2xx", body, got.status, got.body)
	}
	return got
}

// announce has the backend send an event to everyone.
func (b *backendUnderTest) announce(t *testing.T) string {
	t.Helper()
	if b.Announce == nil {
		t.Skip("there is no way to make the backend send an event to everyone")
	}
	return b.Announce(t)
}

// mustReach waits until a stream has got the event that holds text.
func (b *backendUnderTest) mustReach(t *testing.T, token, text string) {
	t.Helper()
	eventually(t, "an event reaches the stream", func() bool {
		for _, d := range b.gateway.delivered(token) {
			if strings.Contains(d.data, text) {
				return true
			}
		}
		return false
	})
}
