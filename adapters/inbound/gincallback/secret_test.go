package gincallback_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/gincallback"
	"heliograph/test/mocks"
)

func TestSecretIsAskedForWhenRequiredOrConfigured(t *testing.T) { // S2
	const right = "s3cret &+"
	production, elsewhere := gincallback.Config{Secret: right, RequireSecret: true}, gincallback.Config{Secret: right}
	cases := []struct {
		name          string
		cfg           gincallback.Config
		query, header string
		ok            bool
	}{
		{"production, in the query", production, "?secret=s3cret+%26%2B", "", true},
		{"production, in the header", production, "", right, true},
		{"production, missing", production, "", "", false},
		{"production, empty", production, "?secret=", "", false},
		{"production, wrong", production, "?secret=s3cret", "", false},
		{"production, wrong in the header", production, "", right + "x", false},
		{"production, none configured", gincallback.Config{RequireSecret: true}, "?secret=any", "", false},
		{"production, none configured nor sent", gincallback.Config{RequireSecret: true}, "", "", false},
		{"elsewhere, configured and right", elsewhere, "", right, true},
		{"elsewhere, configured and missing", elsewhere, "", "", false},
		{"elsewhere, configured and wrong", elsewhere, "?secret=wrong", "", false},
		{"elsewhere, not configured", gincallback.Config{}, "", "", true},
		{"elsewhere, not configured but sent", gincallback.Config{}, "?secret=any", "", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBackend(t, c.cfg)
			want := http.StatusUnauthorized
			if c.ok {
				want = http.StatusOK
				b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any())
			}
			got := b.post(t, c.query, c.header, disconnect)
			if got.status != want || strings.Contains(got.body, "UNAUTHORIZED") == c.ok {
				t.Errorf("answer: %+v, want %d", got, want)
			}
		})
	}
}

func TestUnauthenticatedBodyIsNotRead(t *testing.T) { // S2
	body := untouched{t}
	w := httptest.NewRecorder()
	newHandler(gincallback.Config{Secret: "right"}, nil, io.Discard).
		ServeHTTP(w, httptest.NewRequest(http.MethodPost, paths.Callback+"?secret=wrong", body))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("answer: %d, want 401", w.Code)
	}
}

// untouched is a body that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestSecretAndTokenAreNotLogged(t *testing.T) { // S2
	b := newBackend(t, gincallback.Config{Secret: "hush"})
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, errors.New("registry is away"))
	b.post(t, "?secret=hush", "", connect)
	b.post(t, "?secret=hushhush", "", connect)
	b.Close() // so that nothing writes the log any more
	if !strings.Contains(b.logs.String(), "registry is away") {
		t.Errorf("the failure is not in the log:\n%s", b.logs)
	}
	for _, secret := range []string{"hush", "token-1"} {
		if strings.Contains(b.logs.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, b.logs)
		}
	}
}

func TestCallbackWithOriginIsRefused(t *testing.T) { // S5
	for _, origin := range []string{"https://evil.example", "null", ""} {
		for _, cfg := range []gincallback.Config{{}, {Secret: "s3cret"}} {
			manager := mocks.NewMockConnectionManager(gomock.NewController(t)) // which expects no call
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, paths.Callback+"?secret=s3cret", strings.NewReader(connect))
			r.Header["Origin"] = []string{origin}
			newHandler(cfg, manager, io.Discard).ServeHTTP(w, r)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "CROSS_ORIGIN") {
				t.Errorf("origin %q: %d %s", origin, w.Code, w.Body)
			}
		}
	}
}
