package conformance

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// callbackSentences are of "Gateway → backend: callbacks".
var callbackSentences = []sentence{
	{"POST <CALLBACK_URL> with Content-Type: application/json", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		s.Close()
		for _, action := range []string{"connect", "disconnect"} {
			c := g.backend.await(t, s.key, action)
			where, err := url.Parse(g.CallbackURL)
			if err != nil || c.post.RequestURI != where.RequestURI() || c.post.Method != http.MethodPost {
				t.Errorf("%s: %s %s, want POST %s", action, c.post.Method, c.post.RequestURI, where.RequestURI())
			}
			if kind, _, err := mime.ParseMediaType(c.post.Header.Get("Content-Type")); kind != "application/json" || err != nil {
				t.Errorf("%s: content type %q", action, c.post.Header.Get("Content-Type"))
			}
		}
	}, false},
	{"time limit 5 s: an answer after 3 s is in time", func(t *testing.T, g *gateway) {
		late := make(chan struct{})
		key := g.backend.planned(when(late, accept))
		timer := time.AfterFunc(3*time.Second, func() { close(late) })
		defer timer.Stop()
		s := g.streamOf(t, key)
		g.mustSend(t, s.token, "", "1")
		s.mustGet(t, message{data: "1"})
	}, false},
	{"no retries", func(t *testing.T, g *gateway) {
		for _, p := range []plan{status(http.StatusBadGateway, ""), status(http.StatusServiceUnavailable, ""), hangUp} {
			_, key := g.refused(t, p)
			if calls, _ := g.backend.of(key, "connect"); len(calls) != 1 {
				t.Errorf("%d connect callbacks, want 1", len(calls))
			}
		}
	}, false},
	{`{"action": "connect", "token": "<uuid>", "request": {"url": …, "headers": …}}`, func(t *testing.T, g *gateway) {
		key := g.backend.planned(accept)
		g.exchange(t, ask(target(key), "Cookie: a=b; c=d\r\n"))
		c := g.backend.await(t, key, "connect")
		if !uuidForm.MatchString(c.Token) || c.Request.URL != target(key) {
			t.Errorf("token %q, url %q", c.Token, c.Request.URL)
		}
		if c.header("host") != "gateway.test" || c.header("cookie") != "a=b; c=d" {
			t.Errorf("headers %v", c.Request.Headers)
		}
	}, false},
	{`{"action": "disconnect", "token": "<uuid>", "reason": "client_closed", "request": {"url": …, "headers": {}}}`, func(t *testing.T, g *gateway) {
		s := g.stream(t)
		s.Close()
		c := g.backend.await(t, s.key, "disconnect")
		if c.Token != s.token || c.Request.URL != target(s.key) || c.Request.Headers == nil {
			t.Errorf("%s", c.raw)
		}
	}, false},
	{"reason is client_closed, server_closed or error", func(t *testing.T, g *gateway) {
		left, ended := g.stream(t), g.stream(t)
		left.Close()
		g.mustClose(t, ended.token)
		broken, key, _ := g.raw(t)
		resetConn(broken.conn)
		for k, allowed := range map[string][]string{
			left.key: {"client_closed"}, ended.key: {"server_closed"}, key: {"client_closed", "error"},
		} {
			if c := g.backend.await(t, k, "disconnect"); !slices.Contains(allowed, c.Reason) {
				t.Errorf("reason %q, want one of %q", c.Reason, allowed)
			}
		}
	}, false},
	{"Header names are lower case; repeated headers are joined by `, ` (cookie by `; `), of single ones the first counts", func(t *testing.T, g *gateway) {
		key := g.backend.planned(accept)
		g.exchange(t, ask(target(key), "X-MULTI: a\r\n", "x-Multi: b\r\n", "X-Empty:\r\n", "x-one:  c d  \r\n", "X-Quoted: \"\\\"\r\n",
			"Cookie: a=1\r\n", "cookie: b=2\r\n", "User-Agent: one\r\n", "User-Agent: two\r\n"))
		c := g.backend.await(t, key, "connect")
		for name, value := range c.Request.Headers {
			if _, text := value.(string); name != strings.ToLower(name) || !text {
				t.Errorf("header %q: %v", name, value)
			}
		}
		for name, want := range map[string]string{"x-multi": "a, b", "x-empty": "", "x-one": "c d", "x-quoted": `"\"`, "cookie": "a=1; b=2", "user-agent": "one"} {
			if _, there := c.Request.Headers[name]; !there || c.header(name) != want {
				t.Errorf("header %s: %v, want %q", name, c.Request.Headers[name], want)
			}
		}
	}, false},
	{"The URL is the raw request target: path and query, not an absolute URL", func(t *testing.T, g *gateway) {
		for _, form := range []string{
			"/%s", "/a/../b/./%s", "//double//slash/%s", "/a%%2Fb%%20c/%%7e/%s", "/p;q=1/%s", "/%s?", "/?%s", "/x?k=%s&k=2&k",
			"/x?k=%s&bad=%%zz&plus=+&space=%%20", "/x?k=%s&q=a?b/c:d@e", `/x?k=%s&"<>|^{}`, "/x?k=%s&u=\u00e4\u20ac", "/x?k=%s" + strings.Repeat("&long=value", 300),
		} {
			key := g.backend.planned(accept)
			raw := fmt.Sprintf(form, key)
			x := g.exchange(t, ask(raw))
			x.mustOpen(t, g.Format)
			if c := g.backend.await(t, key, "connect"); c.Request.URL != raw {
				t.Errorf("url %q, want %q", c.Request.URL, raw)
			}
			_ = x.conn.Close()
			if c := g.backend.await(t, key, "disconnect"); c.Request.URL != raw {
				t.Errorf("disconnect: url %q, want %q", c.Request.URL, raw)
			}
		}
	}, false},
	{"2xx accepts the stream", func(t *testing.T, g *gateway) {
		for _, code := range []int{200, 201, 202, 204, 226, 299} {
			s := g.streamOf(t, g.backend.planned(status(code, "")))
			g.mustSend(t, s.token, "", "1")
			s.mustGet(t, message{data: "1"})
		}
	}, false},
	{"Anything else rejects it", func(t *testing.T, g *gateway) {
		for _, code := range []int{400, 401, 403, 404, 409, 418, 500, 503, 599} {
			_, key := g.refused(t, func(w http.ResponseWriter, r *http.Request, c callback) {
				w.Header().Set("Location", g.CallbackURL)
				status(code, "{}")(w, r, c)
			})
			token := g.backend.await(t, key, "connect").Token
			eventually(t, "the token of a rejected stream is unknown", func() bool {
				return g.push(t, push{"token": token}).status == http.StatusNotFound
			})
		}
	}, false},
	{"307 and 308 are followed: the callback goes where they say", func(t *testing.T, g *gateway) {
		for _, code := range []int{307, 308} {
			var redirected atomic.Bool
			s := g.streamOf(t, g.backend.planned(func(w http.ResponseWriter, r *http.Request, c callback) {
				if redirected.CompareAndSwap(false, true) {
					w.Header().Set("Location", g.CallbackURL)
					status(code, "")(w, r, c)
					return
				}
				accept(w, r, c)
			}))
			g.mustSend(t, s.token, "", "1")
			s.mustGet(t, message{data: "1"})
		}
	}, false},
	{"The body of a 2xx is optional", func(t *testing.T, g *gateway) {
		for _, body := range []string{"", "{}", `{"unknown":[1]}`, "no JSON", strings.Repeat("x", 1<<17)} {
			s := g.streamOf(t, g.backend.planned(status(http.StatusOK, body)))
			g.mustSend(t, s.token, "", "1")
			s.mustGet(t, message{data: "1"})
		}
	}, false},
	{"The backend may push events for a token before it has answered that token's connect callback. " +
		"The gateway buffers them and delivers them, in order, right after the response headers", func(t *testing.T, g *gateway) {
		answers := make(chan answer, 20)
		s := g.streamOf(t, g.backend.planned(func(w http.ResponseWriter, r *http.Request, c callback) {
			for i := range cap(answers) {
				answers <- g.push(t, push{"token": c.Token, "event": event("early", fmt.Sprint(i))})
			}
			accept(w, r, c)
		}))
		var want []message
		for i := range cap(answers) {
			(<-answers).mustBeOK(t, `{"status":"buffered"}`)
			want = append(want, message{name: "early", data: fmt.Sprint(i)})
		}
		g.mustSend(t, s.token, "late", "1")
		s.mustGet(t, append(want, message{name: "late", data: "1"})...)
	}, false},
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
