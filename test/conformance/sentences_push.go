package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// pushSentences are of "Backend → gateway: push".
var pushSentences = []sentence{
	{`POST /internal/send {"token": …, "event": {"name": …, "data": "as a string"}, "close": false}`, func(t *testing.T, g *gateway) {
		s := g.stream(t)
		g.push(t, push{"token": s.token, "event": event("task_event", `{"json":"as a string"}`), "close": false}).
			mustBeOK(t, `{"status":"ok"}`)
		s.mustGet(t, message{name: "task_event", data: `{"json":"as a string"}`})
	}, false},
	{"token is required", func(t *testing.T, g *gateway) {
		for _, body := range []string{`{}`, `{"event":{"data":"1"}}`, `{"token":null}`, `{"token":""}`, `{"token":7}`, `{"token":["a"]}`} {
			g.push(t, body).mustRefuse(t, http.StatusBadRequest, "INVALID_TOKEN_MISSING")
		}
	}, false},
	{"event is optional", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		g.push(t, push{"token": s.token}).mustBeOK(t, `{"status":"ok"}`)
		g.mustSend(t, s.token, "", "1")
		s.mustGet(t, message{data: "1"})
	}, false},
	{"in it data (a string) is required and name optional", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		for _, e := range []string{`{}`, `{"name":"a"}`, `{"data":null}`, `{"data":1}`, `{"data":{"a":1}}`} {
			g.push(t, `{"token":"`+s.token+`","event":`+e+`}`).mustRefuse(t, http.StatusBadRequest, "INVALID_EVENT_DATA_MISSING")
		}
		g.mustSend(t, s.token, "", "1")
		g.mustSend(t, s.token, "named", "2")
		s.mustGet(t, message{data: "1"}, message{name: "named", data: "2"})
	}, false},
	{"close is optional", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		g.mustSend(t, s.token, "", "1")
		g.mustClose(t, s.token)
		s.mustEnd(t)
		s.mustGet(t, message{data: "1"})
	}, false},
	{"With both, the event goes first, then the close", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		g.push(t, push{"token": s.token, "event": event("last", "1"), "close": true}).mustBeOK(t, `{"status":"ok"}`)
		s.mustEnd(t)
		s.mustGet(t, message{name: "last", data: "1"})
	}, false},
	{"also while the callback is pending", func(t *testing.T, g *gateway) {
		s := g.streamOf(t, g.backend.planned(func(w http.ResponseWriter, r *http.Request, c callback) {
			g.push(t, push{"token": c.Token, "event": event("last", "1"), "close": true}).mustBeOK(t, `{"status":"buffered"}`)
			accept(w, r, c)
		}))
		s.mustEnd(t)
		s.mustGet(t, message{name: "last", data: "1"})
		if c := g.backend.await(t, s.key, "disconnect"); c.Reason != "server_closed" {
			t.Errorf("reason %q", c.Reason)
		}
	}, false},
	{`200 {"status": "ok"}; events of one token arrive in the order of their answers`, func(t *testing.T, g *gateway) {
		s := g.stream(t)
		var want []message
		for i := range 200 {
			data := strings.Repeat("x", i*7%90)
			g.mustSend(t, s.token, "n", `"`+data+`"`)
			want = append(want, message{name: "n", data: `"` + data + `"`})
		}
		s.mustGet(t, want...)
	}, false},
	{`200 {"status": "buffered"} while the connect callback is pending`, func(t *testing.T, g *gateway) {
		answers := make(chan answer, 1)
		g.streamOf(t, g.backend.planned(func(w http.ResponseWriter, r *http.Request, c callback) {
			answers <- g.push(t, push{"token": c.Token, "event": event("", "1")})
			accept(w, r, c)
		}))
		(<-answers).mustBeOK(t, `{"status":"buffered"}`)
	}, false},
	{"404 TOKEN_NOT_FOUND", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		s.Close()
		g.backend.await(t, s.key, "disconnect")
		for _, token := range []string{s.token, "never-seen", "00000000-0000-4000-8000-000000000000", strings.Repeat("x", 10_000)} {
			for _, body := range []push{{"token": token}, {"token": token, "event": event("", "1")}, {"token": token, "close": true}} {
				g.push(t, body).mustRefuse(t, http.StatusNotFound, "TOKEN_NOT_FOUND")
			}
		}
	}, false},
	{"500 WRITE_FAILED", writeFails, false},
	{"400 codes: INVALID_TOKEN_MISSING, INVALID_EVENT_TYPE, INVALID_EVENT_DATA_MISSING, INVALID_EVENT_NAME_TYPE, INVALID_CLOSE_TYPE", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		for members, code := range map[string]string{
			`"event":7`: "INVALID_EVENT_TYPE", `"event":"text"`: "INVALID_EVENT_TYPE", `"event":[1]`: "INVALID_EVENT_TYPE", `"event":true`: "INVALID_EVENT_TYPE",
			`"event":{"data":[]}`:                    "INVALID_EVENT_DATA_MISSING",
			`"event":{"name":7,"data":"1"}`:          "INVALID_EVENT_NAME_TYPE",
			`"event":{"name":{},"data":"1"}`:         "INVALID_EVENT_NAME_TYPE",
			`"close":"yes"`:                          "INVALID_CLOSE_TYPE",
			`"close":1`:                              "INVALID_CLOSE_TYPE",
			`"event":{"data":"1"},"close":"yes"`:     "INVALID_CLOSE_TYPE",
			`"event":{"data":"not sent"},"close":[]`: "INVALID_CLOSE_TYPE",
		} {
			g.push(t, `{"token":"`+s.token+`",`+members+`}`).mustRefuse(t, http.StatusBadRequest, code)
		}
		g.mustSend(t, s.token, "", "after")
		s.mustGet(t, message{data: "after"}) // and nothing of what was refused
	}, false},
	{`Every error body: {"error": {"message": "…", "code": "…"}}`, func(t *testing.T, g *gateway) {
		for _, body := range []string{"", "{", "null", "[]", `"text"`, "\x00\xff", `{"token":"a"`} {
			got := g.push(t, body)
			if message, code, ok := got.refusal(); got.status != http.StatusBadRequest || !ok || message == "" || code == "" {
				t.Errorf("body %q: %d %.300s", body, got.status, got.body)
			}
		}
		if kind := g.push(t, "{").header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
			t.Errorf("content type %q", kind)
		}
	}, false},
	{"Unknown fields are ignored", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		g.push(t, push{"token": s.token, "event": map[string]any{"data": "1", "priority": 7}, "later": []int{1}}).
			mustBeOK(t, `{"status":"ok"}`)
		s.mustGet(t, message{data: "1"})
	}, false},
}

// writeFails floods a client that reads nothing.
func writeFails(t *testing.T, g *gateway) {
	x, key, token := g.raw(t)
	data := strings.Repeat("x", 60<<10)
	for range 1000 {
		got := g.push(t, push{"token": token, "event": event("", data)})
		if got.status == http.StatusOK {
			continue
		}
		if got.status != http.StatusNotFound { // it had given up on the stream already
			got.mustRefuse(t, http.StatusInternalServerError, "WRITE_FAILED")
		}
		g.backend.await(t, key, "disconnect")
		return
	}
	resetConn(x.conn)
	t.Skip("the gateway keeps 60 MB for a client that reads nothing: a write cannot be made to fail")
}
