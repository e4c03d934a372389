package ginapi_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
)

const app = "https://app.example"

func TestCrossOriginWritesAreRefused(t *testing.T) { // S5
	for _, write := range []struct{ method, path string }{
		{http.MethodPost, "/api/tasks"},
		{http.MethodPost, "/api/versions"},
		{http.MethodPost, "/api/events"},
		{http.MethodPost, "/api/tasks/" + knownID + "/cancel"},
		{http.MethodPost, "/api/tasks/" + knownID + "/complete"},
		{http.MethodPost, "/api/workers/claim"},
		{http.MethodDelete, "/api/tasks/" + knownID},
	} {
		for name, header := range map[string][]string{
			"a page that cannot read the answer":      {"Origin", "https://evil.example", "Content-Type", "text/plain"},
			"a form":                                  {"Sec-Fetch-Site", "cross-site", "Origin", "null", "Content-Type", "application/x-www-form-urlencoded"},
			"a page of the same site":                 {"Sec-Fetch-Site", "same-site", "Origin", "http://other.example.com"},
			"a page of the same host, another scheme": {"Sec-Fetch-Site", "cross-site", "Origin", "https://example.com"},
			"a page whose origin is hidden":           {"Origin", "null"},
			"one that only resembles an allowed one":  {"Origin", app + ".evil.example"},
		} {
			t.Run(write.path+" "+name, func(t *testing.T) {
				newGuardedService(t, ginapi.Config{}, ginapi.GuardConfig{Origins: []string{app}}). // the mocks expect no call
															ask(t, write.method, write.path, `{"type":"demo_task"}`, header...).wantError(t, http.StatusForbidden, "CROSS_ORIGIN")
			})
		}
	}
}

func TestProgramsAndSameOriginPagesMayWrite(t *testing.T) { // S5
	for name, header := range map[string][]string{
		"curl":                           {"Content-Type", "application/x-www-form-urlencoded"},
		"a page of the same origin":      {"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"},
		"the same, in an older browser":  {"Origin", "http://example.com"},
		"what a person types":            {"Sec-Fetch-Site", "none"},
		"a page of an allowed origin":    {"Sec-Fetch-Site", "cross-site", "Origin", app},
		"the same, in an older browser ": {"Origin", app},
	} {
		t.Run(name, func(t *testing.T) {
			s := newGuardedService(t, ginapi.Config{}, ginapi.GuardConfig{Origins: []string{app}})
			started(pending(knownID), nil)(s)
			rec := httptest.NewRecorder() // openapi.yaml says nothing of what curl calls a body
			if s.engine.ServeHTTP(rec, newRequest(t, http.MethodPost, "/api/tasks", `{"type":"demo_task"}`, header...)); rec.Code != http.StatusAccepted {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		})
	}
}

func TestCORSHeadersGoToAllowedOriginsOnly(t *testing.T) { // S6
	for _, c := range []struct {
		allowed []string
		origin  string
		want    http.Header
	}{
		{[]string{"http://localhost:5173", app}, app, http.Header{
			"Access-Control-Allow-Origin": {app}, "Access-Control-Allow-Credentials": {"true"},
			"Access-Control-Expose-Headers": {exposedHeaders}, "Vary": {"Origin"},
		}},
		{[]string{app}, "https://evil.example", http.Header{"Vary": {"Origin"}}},
		{[]string{app}, "", http.Header{"Vary": {"Origin"}}},
		{nil, app, http.Header{}},
		{nil, "*", http.Header{}},
	} {
		for _, path := range []string{"/healthz", "/nothing", "/api/tasks/" + knownID + "x"} {
			s := newGuardedService(t, ginapi.Config{}, ginapi.GuardConfig{Origins: c.allowed})
			var header []string
			if c.origin != "" {
				header = []string{"Origin", c.origin}
			}
			got := s.ask(t, http.MethodGet, path, "", header...).header
			if got.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("browsers may take an answer for something else")
			}
			for _, other := range []string{"Content-Type", "Content-Length", "X-Content-Type-Options"} {
				got.Del(other)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s for %q with %q (-want +got):\n%s", path, c.origin, c.allowed, diff)
			}
		}
	}
}

func TestPreflightsAreAnsweredForAllowedOriginsOnly(t *testing.T) { // S6
	s := newGuardedService(t, ginapi.Config{}, ginapi.GuardConfig{Origins: []string{app}})
	ask := func(origin string) answer {
		rec := httptest.NewRecorder()
		s.engine.ServeHTTP(rec, newRequest(t, http.MethodOptions, "/api/tasks", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,idempotency-key"))
		return answer{rec.Code, rec.Header(), rec.Body.String()}
	}
	a := ask(app)
	if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != app || a.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%d %v", a.status, a.header)
	}
	for header, names := range map[string][]string{
		"Access-Control-Allow-Methods": {"POST", "DELETE"},
		"Access-Control-Allow-Headers": {"Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Authorization"},
	} {
		for _, name := range names {
			if !strings.Contains(a.header.Get(header), name) {
				t.Errorf("%s lacks %s", header, name)
			}
		}
	}
	if a := ask("https://evil.example"); a.status != http.StatusMethodNotAllowed || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin got %d %v", a.status, a.header)
	}
}

func TestForeignHostIsRefused(t *testing.T) { // S5, DNS rebinding
	cfg := ginapi.GuardConfig{CheckHost: true, Hosts: []string{"App.Internal", "10.1.2.3"}}
	for host, known := range map[string]bool{
		"localhost:8080": true, "LOCALHOST": true, "app.localhost:1": true, "127.0.0.1:8080": true, "127.9.9.9": true, "[::1]:8080": true,
		"localhost.": true, "app.internal": true, "APP.internal:8080": true, "10.1.2.3:8080": true, "192.0.2.7:8080": true, "": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "192.0.2.8": false, "0.0.0.0:8080": false,
		"app.internal.evil.example": false, "[2001:db8::1]": false,
	} {
		s := newGuardedService(t, ginapi.Config{}, cfg)
		r := newRequest(t, http.MethodGet, "/healthz", "")
		r.Host = host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8080}))
		rec := httptest.NewRecorder()
		s.engine.ServeHTTP(rec, r)
		a := answer{rec.Code, rec.Header(), rec.Body.String()}
		switch {
		case known && a.status != http.StatusOK:
			t.Errorf("%q: %d %s", host, a.status, a.body)
		case !known:
			conform(t, newRequest(t, http.MethodGet, "/healthz", ""), a)
			a.wantError(t, http.StatusMisdirectedRequest, "UNKNOWN_HOST")
		}
	}
}

func TestInvalidOriginsAreRefused(t *testing.T) {
	for _, bad := range []string{"*", "app.example", "https://app.example/", "https://", "null"} {
		if _, err := ginapi.NewGuard(ginapi.GuardConfig{Origins: []string{bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestEscapedSlashIsNotASeparator(t *testing.T) {
	s := newService(t, ginapi.Config{})
	for _, path := range []string{"/api%2Ftasks", "/api%2ftasks", "/healthz%2F", "/api/tasks%2F" + knownID} {
		s.ask(t, http.MethodGet, path, "").wantError(t, http.StatusNotFound, "NOT_FOUND")
	}
	s.ask(t, http.MethodGet, "/api/tasks/"+knownID+"%2Fstatus", "").wantError(t, http.StatusNotFound, "TASK_NOT_FOUND")
	s.reader.EXPECT().List(gomock.Any(), gomock.Any()) // what is escaped in a query is another matter
	if a := s.ask(t, http.MethodGet, "/api/tasks?type=a%2Fb", ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

const exposedHeaders = "ETag, Heliograph-Gap, Heliograph-Interval, Retry-After, Stream-Closed, Stream-Cursor, Stream-Next-Offset, Stream-Up-To-Date"
