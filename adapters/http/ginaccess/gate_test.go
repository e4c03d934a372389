package ginaccess_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/http/ginaccess"
	"heliograph/domain/access"
	"heliograph/test/mocks"
)

const (
	openPath   = "/open"
	scopedPath = "/scoped"
	streamPath = "/api/sse/stream"
)

// gated is a service behind a gate, whose routes answer with the subject.
type gated struct {
	access *mocks.MockAccessService
	policy *mocks.MockAccessPolicy
	engine *gin.Engine
	log    *strings.Builder
}

func newGated(t *testing.T, cfg ginaccess.Config) *gated {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	ctrl := gomock.NewController(t)
	g := &gated{access: mocks.NewMockAccessService(ctrl), policy: mocks.NewMockAccessPolicy(ctrl), engine: gin.New(), log: &strings.Builder{}}
	cfg.Open = []string{openPath}
	cfg.Scopes = map[string]access.Scope{"GET " + scopedPath: access.Admin}
	log := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gate, err := ginaccess.New(cfg, g.access, g.policy, log)
	if err != nil {
		t.Fatal(err)
	}
	gate.Use(g.engine)
	for _, path := range []string{openPath, scopedPath, "/plain", streamPath} {
		g.engine.Any(path, func(c *gin.Context) {
			subject := "anonymous"
			if p := access.FromContext(c.Request.Context()); p != nil {
				subject = p.Subject
			}
			c.String(http.StatusOK, subject)
		})
	}
	return g
}

// ask sends a request with headers, in pairs.
func (g *gated) ask(t *testing.T, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	g.engine.ServeHTTP(w, r)
	return w
}

// knows has the service take these credentials, whose subject is user-1.
func (g *gated) knows(source access.Source, text string) {
	g.access.EXPECT().Authenticate(gomock.Any(), access.Credential{Source: source, Text: text}).
		Return(&access.Principal{Subject: "user-1"}, nil)
}

func TestTheCredentialIsReadWhereItMayBe(t *testing.T) { // A2, A4, A6
	t.Parallel()
	cfg := ginaccess.Config{
		Cookie: "session", ProxyHeaders: []string{"X-Forwarded-User", "X-Forwarded-Groups"},
		Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, // httptest's peer is 192.0.2.1
	}
	for name, c := range map[string]struct {
		target  string
		headers []string
		source  access.Source
		text    string
	}{
		"header":               {"/plain", []string{"Authorization", "Bearer abc"}, access.FromHeader, "abc"},
		"scheme in lower case": {"/plain", []string{"Authorization", "bearer  abc "}, access.FromHeader, "abc"},
		"cookie":               {"/plain", []string{"Cookie", "other=1; session=abc"}, access.FromCookie, "abc"},
		"header before cookie": {"/plain", []string{"Cookie", "session=no", "Authorization", "Bearer abc"}, access.FromHeader, "abc"},
		"ticket":               {streamPath + "?request_id=a&ticket=t1", []string{"Authorization", "Bearer no"}, access.FromTicket, "t1"},
		"ticket elsewhere":     {"/plain?ticket=t1", []string{"Authorization", "Bearer abc"}, access.FromHeader, "abc"},
		"proxy":                {"/plain", []string{"X-Forwarded-User", "ann", "X-Forwarded-Groups", "a,b", "X-Forwarded-Groups", "c"}, access.FromProxy, "ann\na,b,c"},
		"nothing":              {"/plain", nil, 0, ""},
	} {
		g := newGated(t, cfg)
		g.knows(c.source, c.text)
		if got := g.ask(t, http.MethodGet, c.target, c.headers...); got.Code != http.StatusOK || got.Body.String() != "user-1" {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
}

func TestTheWordOfAStrangeProxyDoesNotCount(t *testing.T) { // A2
	t.Parallel()
	g := newGated(t, ginaccess.Config{ProxyHeaders: []string{"X-Forwarded-User"}, Proxies: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/32")}})
	g.access.EXPECT().Authenticate(gomock.Any(), access.Credential{}).Return(nil, access.ErrNoCredential)
	got := g.ask(t, http.MethodGet, "/plain", "X-Forwarded-User", "admin", "X-Forwarded-For", "198.51.100.1")
	if got.Code != http.StatusUnauthorized || got.Header().Get("WWW-Authenticate") != `Bearer realm="heliograph"` {
		t.Errorf("%d %v %s", got.Code, got.Header(), got.Body)
	}
}

func TestAnAuthorizationThatIsNotBearerIsRefused(t *testing.T) { // A9
	t.Parallel()
	for _, headers := range [][]string{
		{"Authorization", "Basic YTpi"},
		{"Authorization", "Bearer"},
		{"Authorization", "Bearer "},
		{"Authorization", ""},
		{"Authorization", "Bearer a", "Authorization", "Bearer b"},
	} {
		g := newGated(t, ginaccess.Config{}) // the service is not asked
		got := g.ask(t, http.MethodGet, "/plain", headers...)
		if got.Code != http.StatusUnauthorized || !strings.Contains(got.Body.String(), "CREDENTIAL_MALFORMED") ||
			!strings.Contains(got.Header().Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%q: %d %v %s", headers, got.Code, got.Header(), got.Body)
		}
	}
}

func TestACookieCountsOnlyForPagesThatMayUseIt(t *testing.T) { // A4
	t.Parallel()
	for name, c := range map[string]struct {
		method  string
		headers []string
		allowed bool
	}{
		"read without a word":           {http.MethodGet, nil, true},
		"read by the address bar":       {http.MethodGet, []string{"Sec-Fetch-Site", "none"}, true},
		"read from another site":        {http.MethodGet, []string{"Sec-Fetch-Site", "cross-site"}, false},
		"read from another subdomain":   {http.MethodGet, []string{"Sec-Fetch-Site", "same-site"}, false},
		"read of another origin":        {http.MethodGet, []string{"Origin", "https://evil.example"}, false},
		"write without a word":          {http.MethodPost, nil, false},
		"write by the address bar":      {http.MethodPost, []string{"Sec-Fetch-Site", "none"}, false},
		"write of the same origin":      {http.MethodPost, []string{"Sec-Fetch-Site", "same-origin"}, true},
		"write with the origin alone":   {http.MethodPost, []string{"Origin", "http://example.com"}, true},
		"write of an allowed origin":    {http.MethodPost, []string{"Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}, true},
		"write of another origin":       {http.MethodPost, []string{"Origin", "https://evil.example"}, false},
		"write of the origin null":      {http.MethodDelete, []string{"Origin", "null"}, false},
		"write of a name that contains": {http.MethodPost, []string{"Origin", "https://app.example.evil"}, false},
	} {
		g := newGated(t, ginaccess.Config{Cookie: "session", Origins: []string{"https://app.example"}})
		if c.allowed {
			g.knows(access.FromCookie, "abc")
		}
		got := g.ask(t, c.method, "/plain", append(c.headers, "Cookie", "session=abc")...)
		if allowed := got.Code == http.StatusOK; allowed != c.allowed || !allowed && !strings.Contains(got.Body.String(), "CROSS_ORIGIN") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
}

func TestOpenRoutesAndUnknownPathsNeedNothing(t *testing.T) { // A10
	t.Parallel()
	g := newGated(t, ginaccess.Config{})
	if got := g.ask(t, http.MethodGet, openPath, "Authorization", "Basic x"); got.Body.String() != "anonymous" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := g.ask(t, http.MethodGet, "/unknown"); got.Code != http.StatusNotFound {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestARouteMayNeedAScope(t *testing.T) { // A8, A9
	t.Parallel()
	g := newGated(t, ginaccess.Config{})
	p := &access.Principal{Subject: "user-1"}
	g.access.EXPECT().Authenticate(gomock.Any(), gomock.Any()).Return(p, nil).Times(2)
	g.policy.EXPECT().Allow(p, access.Admin, access.TaskKind{}).Return(&access.ForbiddenError{Missing: "admin"})
	got := g.ask(t, http.MethodGet, scopedPath, "Authorization", "Bearer abc")
	if got.Code != http.StatusForbidden || !strings.Contains(got.Body.String(), `"details":{"scope":"admin"}`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	g.policy.EXPECT().Allow(p, access.Admin, access.TaskKind{})
	if got := g.ask(t, http.MethodGet, scopedPath, "Authorization", "Bearer abc"); got.Body.String() != "user-1" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestNoCredentialReachesAnswerOrLog(t *testing.T) { // A5, A6
	t.Parallel()
	const secret = "canary-7f3a"
	g := newGated(t, ginaccess.Config{Cookie: "session"})
	g.access.EXPECT().Authenticate(gomock.Any(), gomock.Any()).Return(nil, context.DeadlineExceeded).AnyTimes()
	for _, c := range [][]string{{"/plain", "Authorization", "Bearer " + secret}, {"/plain", "Cookie", "session=" + secret}, {streamPath + "?ticket=" + secret}, {"/plain", "Authorization", secret}} {
		got := g.ask(t, http.MethodGet, c[0], c[1:]...)
		if strings.Contains(got.Body.String()+g.log.String(), secret) || strings.Contains(got.Header().Get("WWW-Authenticate"), secret) {
			t.Errorf("%q: %s %s", c, got.Body, g.log)
		}
	}
}

func TestAForwardedStreamIsAdmittedByWhatItsClientSent(t *testing.T) { // A7
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	ctrl := gomock.NewController(t)
	service, policy := mocks.NewMockAccessService(ctrl), mocks.NewMockAccessPolicy(ctrl)
	gate, err := ginaccess.New(ginaccess.Config{Cookie: "session"}, service, policy, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p := &access.Principal{Subject: "user-1"}
	for _, c := range []struct {
		header http.Header
		query  string
		want   access.Credential
	}{
		{http.Header{"Authorization": {"Bearer abc"}}, "request_id=a", access.Credential{Source: access.FromHeader, Text: "abc"}},
		{http.Header{"Cookie": {"session=abc"}}, "", access.Credential{Source: access.FromCookie, Text: "abc"}},
		{http.Header{}, "ticket=t", access.Credential{Source: access.FromTicket, Text: "t"}},
	} {
		service.EXPECT().Authenticate(gomock.Any(), c.want).Return(p, nil)
		policy.EXPECT().Allow(p, access.Stream, access.TaskKind{})
		ctx, _ := gin.CreateTestContext(httptest.NewRecorder())
		ctx.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/sse/callback", http.NoBody)
		ctx.Request.Header.Set("Authorization", "Bearer of-the-gateway")
		if err := gate.AdmitForwarded(ctx, c.header, c.query); err != nil || access.FromContext(ctx.Request.Context()) != p {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := (*ginaccess.Gate)(nil).AdmitForwarded(nil, nil, ""); err != nil {
		t.Errorf("without authentication: %v", err)
	}
}
