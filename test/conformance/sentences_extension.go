package conformance

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"heliograph/test/sseclient"
)

// extensionSentences are of "Our extensions".
var extensionSentences = []sentence{
	{`Announced in the JSON of GET /readyz, "capabilities": ["broadcast", "event-id", "connections"]`, func(t *testing.T, g *gateway) {
		for _, c := range g.Capabilities {
			if !slices.Contains(g.capabilities, c) {
				t.Errorf("%q is not announced among %q", c, g.capabilities)
			}
		}
		if len(g.capabilities) == 0 {
			t.Skip("the gateway announces no extensions")
		}
	}, false},
	{`POST /internal/broadcast with {"event": {…}, "tokens": ["…"]} answers {"status":"ok","delivered":N,"unknown":["token",…]}`, func(t *testing.T, g *gateway) {
		g.needs(t, "broadcast")
		one, two, other := g.stream(t), g.stream(t), g.stream(t)
		g.broadcast(t, push{"event": event("news", "1"), "tokens": []string{one.token, "no-such-token", two.token}}).
			mustBeOK(t, `{"status":"ok","delivered":2,"unknown":["no-such-token"]}`)
		for _, s := range []*stream{one, two, other} {
			g.mustSend(t, s.token, "", "after")
		}
		one.mustGet(t, message{name: "news", data: "1"}, message{data: "after"})
		two.mustGet(t, message{name: "news", data: "1"}, message{data: "after"})
		other.mustGet(t, message{data: "after"})
	}, false},
	{"(all connections when tokens is left out)", broadcastsToAll, true},
	{"broadcast's errors are those of /internal/send", func(t *testing.T, g *gateway) {
		g.needs(t, "broadcast")
		for body, code := range map[string]string{
			`{"event":7}`: "INVALID_EVENT_TYPE", `{"event":{"name":"a"}}`: "INVALID_EVENT_DATA_MISSING", `{"event":{"name":1,"data":"1"}}`: "INVALID_EVENT_NAME_TYPE",
		} {
			g.broadcast(t, body).mustRefuse(t, http.StatusBadRequest, code)
		}
		for _, body := range []string{`{}`, `{"event":{"data":"1"},"tokens":"all"}`, `{"event":{"data":"1"},"tokens":[1]}`, `{`} {
			if got := g.broadcast(t, body); got.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", body, got.status, got.body)
			}
		}
	}, false},
	{`event-id: event may carry "id", which the gateway writes as id:`, func(t *testing.T, g *gateway) {
		g.needs(t, "event-id")
		s := g.stream(t)
		g.push(t, push{"token": s.token, "event": withID(event("a", "1"), "epoch-7")}).mustBeOK(t, `{"status":"ok"}`)
		g.mustSend(t, s.token, "", "2")
		g.push(t, push{"token": s.token, "event": withID(event("stream_reset", "{}"), "epoch-8")}).mustBeOK(t, `{"status":"ok"}`)
		s.mustGet(t, message{"epoch-7", "a", "1"}, message{data: "2"}, message{"epoch-8", "stream_reset", "{}"})
	}, false},
	{"a string without line breaks", func(t *testing.T, g *gateway) {
		g.needs(t, "event-id")
		s := g.stream(t)
		for _, id := range []any{"a\nb", "a\rb", "a\r\ndata: forged", 7, []string{"a"}} {
			if got := g.push(t, push{"token": s.token, "event": withID(event("", "1"), id)}); got.status != http.StatusBadRequest {
				t.Errorf("id %q: %d %s", id, got.status, got.body)
			}
		}
		g.mustSend(t, s.token, "", "after")
		s.mustGet(t, message{data: "after"})
	}, false},
	{"A client that comes back through such a gateway brings its Last-Event-ID in the connect callback's headers", func(t *testing.T, g *gateway) {
		g.needs(t, "event-id")
		key := g.backend.planned(accept)
		client := sseclient.New(g.URL + target(key))
		client.SetLastID("epoch-7")
		s, err := client.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		if c := g.backend.await(t, key, "connect"); c.header("last-event-id") != "epoch-7" {
			t.Errorf("headers %v", c.Request.Headers)
		}
	}, false},
	{"what it missed reaches it in order and before anything live, each event once", catchesUp, true},
	{`connections: GET /internal/connections?after=<token>&limit=N lists open streams, {"connections":[{"token","url"}],"next":"<token>"|null}`, listsConnections, false},
	{"INTERNAL_ADDR: the /internal endpoints listen there only, and CORS headers are then on the stream only", func(t *testing.T, g *gateway) {
		if !g.separate() {
			t.Skip("INTERNAL_ADDR is not set")
		}
		s := g.stream(t)
		got := g.do(t, http.MethodPost, g.URL+"/internal/send", push{"token": s.token, "event": event("", "1")}, "X-Internal-Secret", g.Secret)
		if got.status < 400 {
			t.Errorf("the clients' address takes a push: %d %s", got.status, got.body)
		}
		for _, got := range []answer{g.push(t, push{"token": s.token}), g.push(t, "{}"), g.internal(t, http.MethodOptions, "/internal/send", nil)} {
			if origin := got.header.Get("Access-Control-Allow-Origin"); origin != "" {
				t.Errorf("%d %s allows %q", got.status, got.body, origin)
			}
		}
		g.mustSend(t, s.token, "", "2")
		s.mustGet(t, message{data: "2"})
	}, false},
	{"INTERNAL_SECRET: they ask for it in X-Internal-Secret (401 UNAUTHORIZED)", func(t *testing.T, g *gateway) {
		if g.Secret == "" {
			t.Skip("INTERNAL_SECRET is not set")
		}
		for _, secret := range []string{"", "wrong", g.Secret + "x", strings.ToUpper(g.Secret), g.Secret[1:]} {
			for _, path := range []string{"/internal/send", "/internal/broadcast"} {
				g.do(t, http.MethodPost, g.InternalURL+path, "{}", "X-Internal-Secret", secret).mustRefuse(t, http.StatusUnauthorized, "UNAUTHORIZED")
			}
			g.do(t, http.MethodGet, g.InternalURL+"/internal/connections", nil, "X-Internal-Secret", secret).mustRefuse(t, http.StatusUnauthorized, "UNAUTHORIZED")
		}
		g.get(t, g.URL+"/healthz").mustBeOK(t, `{"status":"ok"}`)
	}, false},
	{"Bodies over the limit (1 MiB) get 413 PAYLOAD_TOO_LARGE", func(t *testing.T, g *gateway) {
		if g.MaxBody == 0 {
			t.Skip("the limit is not known")
		}
		fits := `{"token":"no-such-token","event":{"data":"` + strings.Repeat("x", g.MaxBody-100) + `"}}`
		g.push(t, fits).mustRefuse(t, http.StatusNotFound, "TOKEN_NOT_FOUND")
		g.push(t, fits+strings.Repeat(" ", 200)).mustRefuse(t, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE")
	}, false},
}

func (g *gateway) broadcast(t *testing.T, body any) answer {
	t.Helper()
	return g.internal(t, http.MethodPost, "/internal/broadcast", body)
}

// withID gives an event an ID, or what is none.
func withID(event map[string]any, id any) map[string]any {
	event["id"] = id
	return event
}

func broadcastsToAll(t *testing.T, g *gateway) {
	g.needs(t, "broadcast")
	open := []*stream{g.stream(t), g.stream(t), g.stream(t)}
	for _, n := range []string{"1", "2"} {
		g.broadcast(t, push{"event": event("news", n)}).mustBeOK(t, `{"status":"ok","delivered":3,"unknown":[]}`)
	}
	pending := g.streamOf(t, g.backend.planned(func(w http.ResponseWriter, r *http.Request, c callback) {
		g.broadcast(t, push{"event": event("news", "3")})
		accept(w, r, c)
	}))
	g.broadcast(t, push{"event": event("news", "4")})
	for _, s := range open {
		s.mustGet(t, message{name: "news", data: "1"}, message{name: "news", data: "2"}, message{name: "news", data: "3"}, message{name: "news", data: "4"})
	}
	pending.mustGet(t, message{name: "news", data: "3"}, message{name: "news", data: "4"})
}

// catchesUp is a backend that replays what a client missed while its callback is
// pending, and a live event that overtakes the replay.
func catchesUp(t *testing.T, g *gateway) {
	g.needs(t, "event-id")
	g.needs(t, "broadcast")
	epoch := newKey() + "-"
	numbered := func(n string) map[string]any { return withID(event("n", n), epoch+n) }
	s := g.streamOf(t, g.backend.planned(func(w http.ResponseWriter, r *http.Request, c callback) {
		g.broadcast(t, push{"event": numbered("3")})
		for _, n := range []string{"1", "2", "3"} {
			g.push(t, push{"token": c.Token, "event": numbered(n)})
		}
		accept(w, r, c)
	}))
	g.broadcast(t, push{"event": numbered("4")})
	g.broadcast(t, push{"event": numbered("4")}) // the first answer may have been lost
	g.broadcast(t, push{"event": numbered("5")})
	var want []message
	for _, n := range []string{"1", "2", "3", "4", "5"} {
		want = append(want, message{epoch + n, "n", n})
	}
	s.mustGet(t, want...)
}

// listsConnections pages through all streams; others come and go meanwhile.
func listsConnections(t *testing.T, g *gateway) {
	g.needs(t, "connections")
	want := map[string]string{}
	for range 7 {
		s := g.stream(t)
		want[s.token] = target(s.key)
	}
	closed := g.stream(t)
	closed.Close()
	g.backend.await(t, closed.key, "disconnect")
	seen, after := map[string]string{}, ""
	for {
		page := g.page(t, after)
		for _, c := range page.Connections {
			if _, twice := seen[c.Token]; twice {
				t.Errorf("%s is listed twice", c.URL)
			}
			seen[c.Token] = c.URL
		}
		if page.Next == nil {
			break
		}
		after = *page.Next
	}
	for token, u := range want {
		if seen[token] != u {
			t.Errorf("an open stream of %s is listed with %q", u, seen[token])
		}
	}
	if u, there := seen[closed.token]; there {
		t.Errorf("a closed stream is listed: %s", u)
	}
}

type page struct {
	Connections []struct{ Token, URL string }
	Next        *string
}

// page reads one page of three.
func (g *gateway) page(t *testing.T, after string) (p page) {
	t.Helper()
	got := g.internal(t, http.MethodGet, "/internal/connections?limit=3&after="+url.QueryEscape(after), nil)
	if got.into(t, &p); got.status != http.StatusOK || len(p.Connections) > 3 || p.Connections == nil {
		t.Fatalf("%d %.300s", got.status, got.body)
	}
	return p
}
