package gincallback_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/gincallback"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	goleak.VerifyTestMain(m)
}

const (
	connect    = `{"action":"connect","token":"token-1","request":{"url":"/stream?request_id=abc"}}`
	disconnect = `{"action":"disconnect","token":"token-1","reason":"client_closed"}`
)

// backend is the endpoint behind a real HTTP server.
type backend struct {
	*httptest.Server

	manager *mocks.MockConnectionManager
	opening *mocks.MockConnectionOpening // of a connect that succeeds
	logs    *bytes.Buffer
}

func newBackend(t *testing.T, cfg gincallback.Config) backend {
	t.Helper()
	ctrl := gomock.NewController(t)
	b := backend{
		manager: mocks.NewMockConnectionManager(ctrl), opening: mocks.NewMockConnectionOpening(ctrl), logs: &bytes.Buffer{},
	}
	b.Server = httptest.NewServer(newHandler(cfg, b.manager, b.logs))
	b.Client().Timeout = 10 * time.Second // only ends a test that fails
	t.Cleanup(b.Close)
	return b
}

func newHandler(cfg gincallback.Config, m connection.Manager, logs io.Writer) http.Handler {
	engine := gin.New()
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gincallback.New(cfg, m, log).Register(engine)
	return engine
}

// answer is what a gateway gets.
type answer struct {
	status      int
	contentType string
	body        string
}

// post sends a callback.
func (b backend) post(t *testing.T, query, header, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+paths.Callback+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != "" {
		req.Header.Set("X-SSE-Callback-Secret", header)
	}
	res, err := b.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Get("Content-Type"), string(text)}
}

func TestConnectIsAnsweredBeforeTheObserversAreCalled(t *testing.T) { // C5
	b := newBackend(t, gincallback.Config{})
	answered, opened := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(answered) })
	defer goOn()
	registered := b.manager.EXPECT().Connect(gomock.Any(), connection.RequestID("abc"), connection.Token("token-1"), gomock.Any()).Return(b.opening, nil)
	b.opening.EXPECT().Opened().After(registered.Call).
		Do(func() {
			<-answered // never, if the answer had to wait for this
			close(opened)
		})
	got := b.post(t, "", "", connect)
	goOn()
	<-opened
	if want := (answer{http.StatusOK, "application/json; charset=utf-8", "{}"}); got != want {
		t.Errorf("answer: %+v, want %+v", got, want)
	}
}

func TestConnectTakesTheRequestIDOfTheStreamsURL(t *testing.T) { // C1, C2
	bodies := map[string]string{
		"the protocol's example": `{"action":"connect","token":"token-1","request":{"url":"/any/path?request_id=abc","headers":{"host":"h","cookie":"c","x-multi":["a","b"]}}}`,
		"unknown fields":         `{"action":"connect","token":"token-1","request":{"url":"/?request_id=abc","method":1},"reason":[],"more":{"token":5}}`,
		"other parameters":       `{"action":"connect","token":"token-1","request":{"url":"/?a=%zz&b&request_id=abc&request_id=abc"}}`,
		"percent-encoding":       `{"action":"connect","token":"token-1","request":{"url":"/%zz?request_id=%61b%63"}}`,
		"headers of any form":    `{"action":"connect","token":"token-1","request":{"url":"?request_id=abc","headers":7}}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, gincallback.Config{})
			opened := make(chan struct{})
			b.manager.EXPECT().Connect(gomock.Any(), connection.RequestID("abc"), connection.Token("token-1"), gomock.Any()).Return(b.opening, nil)
			b.opening.EXPECT().Opened().Do(func() { close(opened) })
			if got := b.post(t, "", "", body); got.status != http.StatusOK {
				t.Fatalf("answer: %+v, want 200", got)
			}
			<-opened
		})
	}
}

func TestConnectPassesOnTheLastEventID(t *testing.T) { // G6
	request := func(url, headers string) string {
		return `{"action":"connect","token":"token-1","request":{"url":"` + url + `","headers":` + headers + `}}`
	}
	cases := []struct{ body, want string }{
		{connect, ""},
		{request("/?request_id=abc", `{"last-event-id":"e-7"}`), "e-7"},
		{request("/?request_id=abc&last_event_id=e-6", `{"last-event-id":["e-7","e-8"]}`), "e-7"},
		{request("/?request_id=abc&last_event_id=e-6", `{"host":"h"}`), "e-6"},
		{request("/?request_id=abc&last_event_id=e-6", `{"last-event-id":7}`), "e-6"},
		{request("/?request_id=abc", `{"last-event-id":{"a":1}}`), ""},
	}
	for _, c := range cases {
		b := newBackend(t, gincallback.Config{})
		opened := make(chan struct{})
		b.manager.EXPECT().Connect(gomock.Any(), connection.RequestID("abc"), connection.Token("token-1"), c.want).Return(b.opening, nil)
		b.opening.EXPECT().Opened().Do(func() { close(opened) })
		if got := b.post(t, "", "", c.body); got.status != http.StatusOK {
			t.Fatalf("%s: %+v, want 200", c.body, got)
		}
		<-opened
	}
}

// As backend, heliograph takes what both generations of gateways send: a header
// that came several times as a list or as one string.
func TestHeadersMayBeStringsAndLists(t *testing.T) { // gateway-protocol, "Gateway → backend: callbacks"
	for _, headers := range []string{
		`{"cookie":["a=1","b=2"],"x-multi":["a","b"],"host":"h","last-event-id":"e-7"}`,
		`{"cookie":"a=1; b=2","x-multi":"a, b","host":"h","last-event-id":["e-7"]}`,
		`{"x-empty":[],"x-mixed":["a",1,null],"x-number":1,"x-null":null,"last-event-id":"e-7"}`,
		`{"Last-Event-ID":"not this","last-event-id":"e-7"}`,
	} {
		b := newBackend(t, gincallback.Config{})
		opened := make(chan struct{})
		b.manager.EXPECT().Connect(gomock.Any(), connection.RequestID("abc"), connection.Token("token-1"), "e-7").Return(b.opening, nil)
		b.opening.EXPECT().Opened().Do(func() { close(opened) })
		body := `{"action":"connect","token":"token-1","request":{"url":"/?request_id=abc","headers":` + headers + `}}`
		if got := b.post(t, "", "", body); got.status != http.StatusOK {
			t.Fatalf("%s: %+v, want 200", headers, got)
		}
		<-opened
	}
}

func TestCallbackFieldNamesAreCaseSensitiveAndUnique(t *testing.T) { // S3
	for body, code := range map[string]string{
		strings.Replace(disconnect, "action", "Action", 1):                       "INVALID_PAYLOAD",
		strings.Replace(disconnect, `"token"`, `"TOKEN"`, 1):                     "INVALID_PAYLOAD",
		strings.Replace(connect, `"request"`, `"Request"`, 1):                    "INVALID_PAYLOAD",
		strings.Replace(connect, `"url"`, `"URL"`, 1):                            "INVALID_PAYLOAD",
		strings.Replace(disconnect, `"token"`, `"token":"other","token"`, 1):     "INVALID_JSON",
		strings.Replace(connect, `"url"`, `"url":"/?request_id=other","url"`, 1): "INVALID_JSON",
	} {
		b := newBackend(t, gincallback.Config{})
		if got := b.post(t, "", "", body); got.status != http.StatusBadRequest || !strings.Contains(got.body, code) {
			t.Errorf("%s: %+v, want 400 %s", body, got, code)
		}
	}
}

func TestAuthenticCallbacksAreReported(t *testing.T) {
	heard := 0
	b := newBackend(t, gincallback.Config{Secret: "s", OnCallback: func() { heard++ }})
	b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any())
	b.post(t, "", "wrong", disconnect)
	b.post(t, "", "s", disconnect)
	if heard != 1 {
		t.Errorf("heard %d callbacks, want the authentic one", heard)
	}
}

func TestDisconnectNeedsOnlyTheToken(t *testing.T) { // C4
	cases := []struct {
		body   string
		reason connection.Reason
	}{
		{disconnect, connection.ReasonClientClosed},
		{`{"action":"disconnect","token":"token-1","reason":"out of cheese","request":{"url":"/?request_id=a:b","headers":{}}}`, "out of cheese"},
		{`{"action":"disconnect","token":"token-1"}`, ""},
		{`{"action":"disconnect","token":"token-1","reason":null,"request":null}`, ""},
	}
	for _, c := range cases {
		b := newBackend(t, gincallback.Config{})
		b.manager.EXPECT().Disconnect(gomock.Any(), connection.Token("token-1"), c.reason)
		if got := b.post(t, "", "", c.body); got.status != http.StatusOK || got.body != "{}" {
			t.Errorf("%s: %+v, want 200 {}", c.body, got)
		}
	}
}

func TestInvalidCallbacksAreRefused(t *testing.T) { // S3, C2
	url := func(u string) string { return `{"action":"connect","token":"t","request":{"url":` + u + `}}` }
	cases := []struct{ body, code string }{
		{``, "MISSING_BODY"},
		{`{`, "INVALID_JSON"},
		{`action=connect`, "INVALID_JSON"},
		{`null`, "INVALID_PAYLOAD"},
		{`[]`, "INVALID_PAYLOAD"},
		{`"connect"`, "INVALID_PAYLOAD"},
		{`{}`, "INVALID_PAYLOAD"},
		{`{"action":5,"token":"t"}`, "INVALID_PAYLOAD"},
		{`{"Action":"disconnect","Token":"t"}`, "INVALID_PAYLOAD"},
		{`{"action":"connect","request":{"url":"/?request_id=a"}}`, "INVALID_PAYLOAD"},
		{`{"action":"disconnect"}`, "INVALID_PAYLOAD"},
		{`{"action":"disconnect","token":""}`, "INVALID_PAYLOAD"},
		{`{"action":"disconnect","token":7}`, "INVALID_PAYLOAD"},
		{`{"action":"disconnect","token":"` + strings.Repeat("x", 257) + `"}`, "INVALID_PAYLOAD"},
		{`{"action":"disconnect","token":"t","reason":1}`, "INVALID_PAYLOAD"},
		{`{"action":"other"}`, "INVALID_PAYLOAD"},
		{`{"action":"other","token":"t"}`, "UNKNOWN_ACTION"},
		{`{"action":"CONNECT","token":"t","request":{"url":"/?request_id=a"}}`, "UNKNOWN_ACTION"},
		{`{"action":"connect","token":"t"}`, "INVALID_PAYLOAD"},
		{`{"action":"connect","token":"t","request":null}`, "INVALID_PAYLOAD"},
		{`{"action":"connect","token":"t","request":"/?request_id=a"}`, "INVALID_PAYLOAD"},
		{`{"action":"connect","token":"t","request":{}}`, "INVALID_PAYLOAD"},
		{url(`["/?request_id=a"]`), "INVALID_PAYLOAD"},
		{url(`"/stream"`), "INVALID_REQUEST_ID"},
		{url(`"/stream?request_id="`), "INVALID_REQUEST_ID"},
		{url(`"/stream?request_id=task:abc"`), "INVALID_REQUEST_ID"},
		{url(`"/stream?request_id=task%3Aabc"`), "INVALID_REQUEST_ID"},
		{url(`"/stream?request_id=a&request_id=b"`), "INVALID_REQUEST_ID"},
		{url(`"/stream?request_id=` + strings.Repeat("x", 129) + `"`), "INVALID_REQUEST_ID"},
		{url(`"/request_id=a"`), "INVALID_REQUEST_ID"},
	}
	b := newBackend(t, gincallback.Config{}) // whose manager takes no call
	for _, c := range cases {
		got := b.post(t, "", "", c.body)
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"code":"`+c.code+`"`) {
			t.Errorf("%.90s: %+v, want 400 %s", c.body, got, c.code)
		}
	}
	if got := b.post(t, "", "", strings.Repeat(" ", 2<<20)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB of body: %+v, want 413", got)
	}
}

func TestManagerErrorsBecomeStatuses(t *testing.T) { // S3
	cases := []struct {
		err    error
		status int
		code   string
	}{
		{connection.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
		{connection.ErrTokenTaken, http.StatusBadRequest, "INVALID_PAYLOAD"},
		{errors.New("registry is away"), http.StatusInternalServerError, "INTERNAL_ERROR"},
	}
	for _, c := range cases {
		b := newBackend(t, gincallback.Config{})
		b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, c.err)
		got := b.post(t, "", "", connect)
		if got.status != c.status || !strings.Contains(got.body, c.code) {
			t.Errorf("%v: %+v, want %d %s", c.err, got, c.status, c.code)
		}
	}
}

// The gateway is asked to have the client come back, once, if it could not be sent
// what it missed; a gateway that does not know the header opens the stream.
func TestClientThatIsIncompleteIsAskedToComeBack(t *testing.T) { // G2, G6
	incomplete := true
	var asked []connection.Token
	b := newBackend(t, gincallback.Config{Incomplete: func(token connection.Token) bool {
		asked = append(asked, token)
		return incomplete
	}})
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(b.opening, nil).Times(2)
	b.opening.EXPECT().Opened().Times(2)
	for _, incomplete = range []bool{true, false} {
		resp, err := b.Client().Post(b.URL+paths.Callback, "application/json", strings.NewReader(connect))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get(gateway.ComeBackHeader) != ""; resp.StatusCode != http.StatusOK || got != incomplete {
			t.Errorf("incomplete %t: status %d, asked to come back %t", incomplete, resp.StatusCode, got)
		}
	}
	if len(asked) != 2 || asked[0] != "token-1" {
		t.Errorf("asked for %q, want token-1 once for each connect", asked)
	}
}
