package gatewayrole_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/inbound/gatewayrole"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/sseclient"
)

const (
	send      = "/internal/send"
	broadcast = "/internal/broadcast"
)

func TestMistakesInAPushHaveTheirCodes(t *testing.T) { // gateway-protocol: push
	t.Parallel()
	r := newRig(t, setup{})
	for body, want := range map[string]string{
		``:                                      "MISSING_BODY",
		`{`:                                     "INVALID_JSON",
		`[]`:                                    "INVALID_PAYLOAD",
		`null`:                                  "INVALID_PAYLOAD",
		`{}`:                                    "INVALID_TOKEN_MISSING",
		`{"token":""}`:                          "INVALID_TOKEN_MISSING",
		`{"token":1}`:                           "INVALID_TOKEN_MISSING",
		`{"token":null,"event":1}`:              "INVALID_TOKEN_MISSING",
		`{"token":"t","event":"x"}`:             "INVALID_EVENT_TYPE",
		`{"token":"t","event":[]}`:              "INVALID_EVENT_TYPE",
		`{"token":"t","event":null}`:            "INVALID_EVENT_TYPE",
		`{"token":"t","event":{}}`:              "INVALID_EVENT_DATA_MISSING",
		`{"token":"t","event":{"data":{}}}`:     "INVALID_EVENT_DATA_MISSING",
		`{"token":"t","event":{"data":null}}`:   "INVALID_EVENT_DATA_MISSING",
		push("t", `{"data":"x","name":1}`):      "INVALID_EVENT_NAME_TYPE",
		push("t", `{"data":"x","name":null}`):   "INVALID_EVENT_NAME_TYPE",
		push("t", `{"data":"x","name":"a\nb"}`): "INVALID_EVENT_NAME_TYPE",
		push("t", `{"data":"x","id":7}`):        "INVALID_EVENT_ID_TYPE",
		push("t", `{"data":"x","id":"a\rb"}`):   "INVALID_EVENT_ID_TYPE",
		push("t", `{"data":"x","id":"`+strings.Repeat("x", 1025)+`"}`): "INVALID_EVENT_ID_LENGTH",
		push("t", `{"data":"x"}`, `,"close":1`):                        "INVALID_CLOSE_TYPE",
		push("t", `{"data":1}`, `,"close":"no"`):                       "INVALID_EVENT_DATA_MISSING",
	} {
		r.want(send, body, http.StatusBadRequest, want)
	}
	r.want(send, `{"token":"t"}`, http.StatusNotFound, "TOKEN_NOT_FOUND")
	r.want(send, push("t", `{"data":"x","more":[1]}`, `,"other":{}`), http.StatusNotFound, "TOKEN_NOT_FOUND")
	r.want(send, push("t", `{"data":"`+strings.Repeat("x", 1<<20)+`"}`), http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE")
}

func TestMistakesInABroadcastHaveTheirCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	for body, want := range map[string]string{
		`{}`:                   "INVALID_EVENT_TYPE",
		`{"event":{"data":1}}`: "INVALID_EVENT_DATA_MISSING",
		`{"event":{"data":"","id":"` + strings.Repeat("x", 1025) + `"}}`: "INVALID_EVENT_ID_LENGTH",
		`{"event":{"data":""},"tokens":1}`:                               "INVALID_TOKENS_TYPE",
		`{"event":{"data":""},"tokens":[1]}`:                             "INVALID_TOKENS_TYPE",
	} {
		r.want(broadcast, body, http.StatusBadRequest, want)
	}
}

func TestFieldNamesCountOnlyAsWritten(t *testing.T) { // issue 11, 36; as in Node.js
	t.Parallel()
	r := newRig(t, setup{})
	r.accept(nil)
	s, token := r.stream("/x")
	r.want(send, `{"Token":"`+string(token)+`","event":{"data":"x"}}`, 400, "INVALID_TOKEN_MISSING")
	r.want(send, push(token, `{"Data":"x"}`), 400, "INVALID_EVENT_DATA_MISSING")
	r.want(broadcast, `{"EVENT":{"data":"x"}}`, 400, "INVALID_EVENT_TYPE")
	r.want(send, push(token, `{"data":"x"}`, `,"event":{"name":"n"}`), 400, "INVALID_EVENT_DATA_MISSING") // the last of two counts
	r.want(send, push(token, `{"data":"1","NAME":"n","Id":"7"}`, `,"Close":true`), 200, `{"status":"ok"}`)
	r.want(send, push(token, `{"data":"no"}`, `,"event":{"data":"2"}`), 200, `{"status":"ok"}`)
	want := []sseclient.Event{{Name: "message", Data: "1"}, {Name: "message", Data: "2"}}
	if diff := cmp.Diff(want, await(t, s, 2)); diff != "" {
		t.Errorf("the stream got (-want +got):\n%s", diff)
	}
}

// The backend has seen that the stream is of one task only.
func TestStreamThatGetsItsOwnOnlyGetsNoBroadcastToAll(t *testing.T) { // A12
	t.Parallel()
	for name, shards := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{engine: sse.Config{Shards: shards}})
			r.want(broadcast, `{"event":{"name":"n","data":"0","id":"e-1"}}`, 200, `{"status":"ok","delivered":0,"unknown":[]}`)
			r.accepted = gateway.Acceptance{OwnOnly: true}
			r.accept(func(token connection.Token, _ gateway.Request) { // what comes before the answer
				r.want(broadcast, `{"event":{"name":"n","data":"1","id":"e-2"}}`, 200, `{"status":"ok","delivered":1,"unknown":[]}`)
				r.want(send, push(token, `{"name":"missed","data":"2","id":"e-2"}`), 200, `{"status":"buffered"}`)
				r.want(broadcast, `{"event":{"name":"named","data":"3","id":"e-3"},"tokens":["`+string(token)+`"]}`, 200, `{"status":"ok","delivered":1,"unknown":[]}`)
			})
			s, token := r.stream("/?last_event_id=e-1")
			r.want(broadcast, `{"event":{"name":"n","data":"4","id":"e-4"}}`, 200, `{"status":"ok","delivered":1,"unknown":[]}`)
			r.want(broadcast, `{"event":{"name":"ping","data":"{}"}}`, 200, `{"status":"ok","delivered":1,"unknown":[]}`)
			r.want(broadcast, `{"event":{"name":"named","data":"5","id":"e-5"},"tokens":["`+string(token)+`"]}`, 200, `{"status":"ok","delivered":1,"unknown":[]}`)
			r.want(send, push(token, `{"name":"private","data":"6","id":"e-5"}`), 200, `{"status":"ok"}`)
			want := []sseclient.Event{
				{ID: "e-2", Name: "missed", Data: "2"},
				{ID: "e-3", Name: "named", Data: "3"},
				{Name: "ping", Data: "{}"},
				{ID: "e-5", Name: "named", Data: "5"},
				{ID: "e-5", Name: "private", Data: "6"},
			}
			if diff := cmp.Diff(want, await(t, s, len(want))); diff != "" {
				t.Errorf("the stream got (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBroadcastGoesToAllOrToThoseNamed(t *testing.T) { // gateway-protocol: extensions
	t.Parallel()
	r := newRig(t, setup{})
	r.accept(nil)
	a, tokenA := r.stream("/a")
	b, _ := r.stream("/b")
	r.want(broadcast, `{"event":{"name":"n","data":"1","id":"e-1"}}`, 200, `{"status":"ok","delivered":2,"unknown":[]}`)
	r.want(broadcast, `{"event":{"name":"n","data":"1","id":"e-1"}}`, 200, `{"status":"ok","delivered":2,"unknown":[]}`)
	r.want(broadcast, `{"event":{"data":"2"},"tokens":["gone","`+string(tokenA)+`"]}`, 200, `{"status":"ok","delivered":1,"unknown":["gone"]}`)
	r.want(broadcast, `{"event":{"data":"3"},"tokens":[]}`, 200, `{"status":"ok","delivered":0,"unknown":[]}`)
	r.want(broadcast, `{"event":{"data":"4"}}`, 200, `{"status":"ok","delivered":2,"unknown":[]}`)
	if got := fmt.Sprint(await(t, a, 3)); got != "[{e-1 n 1} { message 2} { message 4}]" {
		t.Errorf("a got %s", got)
	}
	if got := fmt.Sprint(await(t, b, 2)); got != "[{e-1 n 1} { message 4}]" {
		t.Errorf("b got %s", got)
	}
}

func TestPushOfTheLargestBodyArrives(t *testing.T) { // better than what it replaces: 1 MiB
	t.Parallel()
	r := newRig(t, setup{})
	r.accept(nil)
	s, token := r.stream("/x")
	data := strings.Repeat("x", 1<<20-100)
	r.want(send, push(token, `{"data":"`+data+`"}`), 200, `{"status":"ok"}`)
	if got := await(t, s, 1)[0].Data; got != data {
		t.Errorf("%d bytes arrived, want %d", len(got), len(data))
	}
}

func TestPushOverTheStreamsLimitFailsAndEndsIt(t *testing.T) { // G4
	t.Parallel()
	r := newRig(t, setup{engine: sse.Config{PrivateBytes: 1000}})
	r.accept(func(token connection.Token, _ gateway.Request) {
		r.want(send, push(token, `{"data":"`+strings.Repeat("x", 900)+`"}`), 200, `{"status":"buffered"}`)
		r.want(send, push(token, `{"data":"`+strings.Repeat("x", 900)+`"}`), 500, "WRITE_FAILED")
	})
	conn, _ := dial(t, r.url)
	_, _ = fmt.Fprint(conn, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
	if why := <-r.ended; why != connection.ReasonServerClosed {
		t.Errorf("ended for %q", why)
	}
}

func TestConnectionsAreListedInPages(t *testing.T) { // gateway-protocol: connections
	t.Parallel()
	r := newRig(t, setup{})
	page := []gateway.Opened{{Token: "b", Target: "/x?request_id=1&<"}, {Token: "c", Target: "/y"}}
	r.relay.EXPECT().Page(connection.Token("a"), 2).Return(page, true)
	r.relay.EXPECT().Page(connection.Token(""), gomock.Any()).Return(nil, false)
	got := r.do(http.MethodGet, r.internal+"/internal/connections?after=a&limit=2", "")
	want := `{"connections":[{"token":"b","url":"/x?request_id=1\u0026\u003c"},{"token":"c","url":"/y"}],"next":"c"}`
	if got.status != 200 || got.body != want {
		t.Errorf("%+v, want %s", got, want)
	}
	if got := r.do(http.MethodGet, r.internal+"/internal/connections", ""); got.body != `{"connections":[],"next":null}` {
		t.Errorf("none: %s", got.body)
	}
	for _, limit := range []string{"0", "-1", "x", "10001"} {
		if got := r.do(http.MethodGet, r.internal+"/internal/connections?limit="+limit, ""); got.status != 400 || codeOf(got.body) != "INVALID_LIMIT" {
			t.Errorf("limit %s: %+v", limit, got)
		}
	}
}

func TestInternalEndpointsRequireTheSecret(t *testing.T) { // INTERNAL_SECRET
	t.Parallel()
	r := newRig(t, setup{role: gatewayrole.Config{Secret: "s3cret"}})
	for _, given := range []string{"", "wrong", "s3cre", "s3crets"} {
		for path, method := range map[string]string{send: http.MethodPost, broadcast: http.MethodPost, "/internal/connections": http.MethodGet} {
			if got := r.do(method, r.internal+path, "{}", "X-Internal-Secret", given); got.status != 401 || codeOf(got.body) != "UNAUTHORIZED" {
				t.Errorf("%s with %q: %+v", path, given, got)
			}
		}
	}
	if got := r.do(http.MethodPost, r.internal+send, `{"token":"t"}`, "X-Internal-Secret", "s3cret"); got.status != 404 {
		t.Errorf("with the secret: %+v", got)
	}
	if got := r.do(http.MethodGet, r.url+"/healthz", ""); got.status != 200 {
		t.Errorf("healthz: %+v", got)
	}
}

func TestPlainGatewayHasNoExtensions(t *testing.T) { // gateway-protocol, "Our extensions"
	t.Parallel()
	r := newRig(t, setup{role: gatewayrole.Config{Configured: true, Plain: true}})
	if got := r.do(http.MethodGet, r.url+"/readyz", ""); got.body != `{"status":"ready","configured":true}` {
		t.Errorf("readyz: %+v", got)
	}
	for method, path := range map[string]string{http.MethodPost: "/internal/broadcast", http.MethodGet: "/internal/connections"} {
		if got := r.do(method, r.url+path, `{"event":{"data":"x"}}`); got.status != 404 {
			t.Errorf("%s: %+v", path, got)
		}
	}
	r.accept(func(connection.Token, gateway.Request) {})
	stream, token := r.stream("/")
	r.want(send, push(token, `{"id":"1","data":"x"}`), http.StatusOK, `{"status":"ok"}`)
	if got := await(t, stream, 1)[0]; got.ID != "" || got.Data != "x" {
		t.Errorf("the stream got %+v, want no id", got)
	}
}

func TestHealthAndReadiness(t *testing.T) { // gateway-protocol, "Other endpoints"
	t.Parallel()
	const capabilities = `"capabilities":["broadcast","event-id","connections"]}`
	for configured, want := range map[bool]answer{
		true:  {status: 200, body: `{"status":"ready","configured":true,` + capabilities},
		false: {status: 503, body: `{"status":"not_ready","configured":false,` + capabilities},
	} {
		r := newRig(t, setup{role: gatewayrole.Config{Configured: configured}})
		if got := r.do(http.MethodGet, r.url+"/readyz", ""); got.status != want.status || got.body != want.body {
			t.Errorf("configured %t: %+v", configured, got)
		}
		if got := r.do(http.MethodGet, r.url+"/healthz", ""); got.status != 200 || got.body != `{"status":"ok"}` {
			t.Errorf("healthz: %+v", got)
		}
		if got := r.do(http.MethodHead, r.url+"/healthz", ""); got.status != 200 {
			t.Errorf("HEAD /healthz: %+v", got)
		}
	}
}

func TestReadinessInTheEnvelopeGeneration(t *testing.T) { // gateway-protocol, "Other endpoints"
	t.Parallel()
	const capabilities = `"capabilities":["broadcast","event-id","connections"]}`
	for _, c := range []struct {
		configured, draining bool
		status               int
		body                 string
	}{
		{true, false, 200, `{"status":"ready","configured":true,"rabbitmq":"disabled",` + capabilities},
		{false, false, 503, `{"status":"not_ready","configured":false,"rabbitmq":"disabled","reasons":["CALLBACK_URL not configured"],` + capabilities},
		{true, true, 503, `{"status":"not_ready","configured":true,"rabbitmq":"disabled","reasons":["shutting down"],` + capabilities},
	} {
		r := newRig(t, setup{role: gatewayrole.Config{Configured: c.configured, Format: "envelope"}})
		if c.draining {
			r.role.Drain()
		}
		if got := r.do(http.MethodGet, r.url+"/readyz", ""); got.status != c.status || got.body != c.body {
			t.Errorf("%+v: %d %s", c, got.status, got.body)
		}
	}
}

func TestProbesMatchInAnyCaseAndWithASlash(t *testing.T) { // as in Express
	t.Parallel()
	r := newRig(t, setup{role: gatewayrole.Config{Configured: true, Separate: true}})
	for _, base := range []string{r.url, r.internal} {
		for path, status := range map[string]string{"/healthz/": "ok", "/HealthZ": "ok", "/readyz/": "ready", "/READYZ/": "ready"} {
			got := r.do(http.MethodGet, base+path, "")
			if got.status != http.StatusOK || !strings.Contains(got.body, `{"status":"`+status+`"`) {
				t.Errorf("%s%s: %d %s", base, path, got.status, got.body)
			}
		}
	}
	r.accept(nil)
	for _, path := range []string{"/healthz//", "/healthz/x", "/healthy"} { // streams
		r.stream(path)
	}
}

func TestLongestEventIDCanBeResumedFrom(t *testing.T) { // G2
	t.Parallel()
	r := newRig(t, setup{})
	requests := make(chan gateway.Request, 1)
	r.accept(func(_ connection.Token, req gateway.Request) { requests <- req })
	s, token := r.stream("/x")
	<-requests
	id := strings.Repeat("x", 1024)
	r.want(send, push(token, `{"data":"x","id":"`+id+`"}`), 200, `{"status":"ok"}`)
	if got := await(t, s, 1)[0].ID; got != id {
		t.Fatalf("the stream got an id of %d bytes", len(got))
	}
	client := sseclient.New(r.url + "/x")
	client.SetLastID(id)
	back, err := client.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if req := <-requests; !strings.Contains(string(req.Headers), id) {
		t.Error("the backend does not get the Last-Event-ID")
	}
}

func TestEveryAnswerAllowsEveryOrigin(t *testing.T) { // gateway-protocol: CORS
	t.Parallel()
	r := newRig(t, setup{})
	r.relay.EXPECT().Open(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().Return(gateway.Acceptance{}, gateway.ErrNotConfigured)
	for _, got := range []answer{
		r.do(http.MethodOptions, r.url+"/any/path", ""), r.do(http.MethodOptions, r.url+send, ""), r.do(http.MethodGet, r.url+"/x", ""),
		r.do(http.MethodGet, r.url+"/healthz", ""), r.do(http.MethodGet, r.url+"/readyz", ""), r.do(http.MethodPost, r.url+send, "{}"),
		r.do(http.MethodPost, r.url+"/x", ""), r.do(http.MethodGet, r.url+send, ""),
	} {
		wantCORS(t, got, true)
	}
	if got := r.do(http.MethodOptions, r.url+"/x", ""); got.status != http.StatusNoContent {
		t.Errorf("OPTIONS: %d", got.status)
	}
}

func wantCORS(t *testing.T, got answer, want bool) {
	t.Helper()
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
		"Access-Control-Allow-Headers": "Content-Type, Cache-Control, Last-Event-ID, Authorization",
	} {
		if has := got.header.Get(name); (has == value) != want || !want && has != "" {
			t.Errorf("%d %s: %s is %q, wanted: %t", got.status, got.body, name, has, want)
		}
	}
}

func TestSeparateInternalAddressHasTheInternalEndpointsAlone(t *testing.T) { // INTERNAL_ADDR
	t.Parallel()
	r := newRig(t, setup{role: gatewayrole.Config{Separate: true}})
	r.accept(nil)
	s, token := r.stream("/metrics") // any path is a stream
	if s.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("the stream has no CORS headers")
	}
	for _, path := range []string{send, broadcast, "/internal/connections"} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			if got := r.do(method, r.url+path, push(token, `{"data":"x"}`)); got.status != 404 || codeOf(got.body) != "NOT_FOUND" {
				t.Errorf("%s %s at the public address: %+v", method, path, got)
			}
		}
	}
	r.want(send, push(token, `{"data":"x"}`), 200, `{"status":"ok"}`)
	_ = await(t, s, 1)
	wantCORS(t, r.do(http.MethodOptions, r.url+"/x", ""), true)
	for _, url := range []string{r.internal + "/healthz", r.url + "/healthz", r.internal + "/nothing"} {
		wantCORS(t, r.do(http.MethodGet, url, ""), false)
	}
}

// FuzzPush has both ways to read a push agree on any JSON.
func FuzzPush(f *testing.F) {
	f.Add(`{"token":"t","event":{"name":"a","data":"b","id":"c"},"close":true}`)
	f.Add(`{"token":"t","event":{"data":"\u0000","name":null},"tokens":[]}`)
	f.Add(`{"token":"t","event":{"data":"x"},"event":{"name":"y"},"Close":null}`)
	f.Add(`{"token":"t","event":{"data":"\ud800"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		if !utf8.ValidString(body) || !json.Valid([]byte(body)) {
			return
		}
		usual, ok := gatewayrole.DecodeUsual([]byte(body))
		careful, err := gatewayrole.DecodeAny([]byte(body))
		if ok && (err != nil || !cmp.Equal(usual, careful)) {
			t.Errorf("%q: in one pass %+v, else %+v, %v", body, usual, careful, err)
		}
	})
}

// FuzzBroadcast has every body either read or refused with a 400.
func FuzzBroadcast(f *testing.F) {
	f.Add(`{"event":{"name":"a","data":"b","id":"c"},"tokens":["t"]}`)
	f.Add(`{"event":{"data":""},"tokens":null}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		if !utf8.ValidString(body) || !json.Valid([]byte(body)) {
			return
		}
		if ev, err := gatewayrole.DecodeBroadcast([]byte(body)); err == nil && strings.ContainsAny(ev.ID+ev.Name, "\r\n") {
			t.Errorf("%q: %+v breaks its line", body, ev)
		}
	})
}

// FuzzHeaders has every request become a JSON object of strings.
func FuzzHeaders(f *testing.F) {
	f.Add("Cookie", "a=1", "b=2")
	f.Add("X-\u00e4", "\xff\x00", "")
	f.Fuzz(func(t *testing.T, name, one, other string) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header[name] = []string{one, other}
		var headers map[string]string
		if text := gatewayrole.EncodeHeaders(r); json.Unmarshal(text, &headers) != nil || headers["host"] != "example.com" {
			t.Errorf("%q: %s", name, text)
		}
	})
}
