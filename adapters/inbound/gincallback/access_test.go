package gincallback_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/http/ginaccess"
	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/gincallback"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

// guarded is an endpoint behind which a service and a policy decide on streams.
type guarded struct {
	backend

	access *mocks.MockAccessService
	policy *mocks.MockAccessPolicy
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	ctrl := gomock.NewController(t)
	g := guarded{access: mocks.NewMockAccessService(ctrl), policy: mocks.NewMockAccessPolicy(ctrl)}
	gate, err := ginaccess.New(ginaccess.Config{Cookie: "session"}, g.access, g.policy, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.backend = newBackend(t, gincallback.Config{Gate: gate, Secret: "s3cret"})
	return g
}

// connectWith is the callback about a client with this URL and these headers.
func connectWith(t *testing.T, url string, headers any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"action": "connect", "token": "token-1", "request": map[string]any{"url": url, "headers": headers},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAStreamBelongsToWhomItsClientsCredentialProves(t *testing.T) { // A7, A12
	for name, c := range map[string]struct {
		url     string
		headers map[string]any
		want    access.Credential
	}{
		"header":           {"/s?request_id=abc", map[string]any{"authorization": "Bearer jwt"}, access.Credential{Source: access.FromHeader, Text: "jwt"}},
		"header in a list": {"/s?request_id=abc", map[string]any{"authorization": []string{"Bearer jwt"}, "Authorization": "Bearer other"}, access.Credential{Source: access.FromHeader, Text: "jwt"}},
		"cookie":           {"/s?request_id=abc", map[string]any{"cookie": "a=b; session=jwt"}, access.Credential{Source: access.FromCookie, Text: "jwt"}},
		"ticket":           {"/any?request_id=abc&ticket=t-1", map[string]any{"authorization": "Basic x"}, access.Credential{Source: access.FromTicket, Text: "t-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			ann := &access.Principal{Subject: "ann"}
			g.access.EXPECT().Authenticate(gomock.Any(), c.want).Return(ann, nil)
			g.policy.EXPECT().Allow(ann, access.Stream, access.TaskKind{}).Return(nil)
			opened := make(chan struct{})
			g.manager.EXPECT().Connect(gomock.Any(), connection.RequestID("abc"), connection.Token("token-1"), "").DoAndReturn(
				func(ctx context.Context, _ connection.RequestID, _ connection.Token, _ string) (connection.Opening, error) {
					if access.FromContext(ctx) != ann {
						t.Errorf("connects as %+v, want ann", access.FromContext(ctx))
					}
					return g.opening, nil
				})
			g.opening.EXPECT().Opened().Do(func() { close(opened) })
			if got := g.post(t, "", "s3cret", connectWith(t, c.url, c.headers)); got.status != http.StatusOK {
				t.Fatalf("answer: %+v, want 200", got)
			}
			<-opened
		})
	}
}

func TestTheGatewayIsToldWhenAStreamIsOfOneTaskOnly(t *testing.T) { // A12
	for name, c := range map[string]struct {
		p    *access.Principal
		want string
	}{
		"of one task": {&access.Principal{Subject: access.TaskSubject + "7", TaskID: "7"}, "true"},
		"of a user":   {&access.Principal{Subject: "ann"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			g.access.EXPECT().Authenticate(gomock.Any(), gomock.Any()).Return(c.p, nil)
			g.policy.EXPECT().Allow(gomock.Any(), gomock.Any(), gomock.Any()).Return(nil)
			g.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(g.opening, nil)
			opened := make(chan struct{})
			g.opening.EXPECT().Opened().Do(func() { close(opened) })
			body := connectWith(t, "/s?request_id=abc", map[string]any{"authorization": "Bearer jwt"})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+paths.Callback, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-SSE-Callback-Secret", "s3cret")
			answer, err := g.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			<-opened
			if got := answer.Header.Get(gateway.OwnOnlyHeader); got != c.want || answer.StatusCode != http.StatusOK {
				t.Errorf("%d with %q, want 200 with %q", answer.StatusCode, got, c.want)
			}
		})
	}
}

func TestAStreamThatMayNotListenIsRefused(t *testing.T) { // A7, A9, A15
	bearer := map[string]any{"authorization": "Bearer secret-jwt"}
	for name, c := range map[string]struct {
		headers  map[string]any
		expect   func(g guarded)
		status   int
		contains string
	}{
		"no credential": {nil, func(g guarded) {
			g.access.EXPECT().Authenticate(gomock.Any(), access.Credential{}).Return(nil, access.ErrNoCredential)
		}, http.StatusUnauthorized, "UNAUTHORIZED"},
		"a bad one": {bearer, func(g guarded) {
			g.access.EXPECT().Authenticate(gomock.Any(), gomock.Any()).Return(nil, access.Refuse(access.RefusedExpired, "it expired"))
		}, http.StatusUnauthorized, "CREDENTIAL_EXPIRED"},
		"no scope": {bearer, func(g guarded) {
			g.access.EXPECT().Authenticate(gomock.Any(), gomock.Any()).Return(&access.Principal{Subject: "ann"}, nil)
			g.policy.EXPECT().Allow(gomock.Any(), access.Stream, gomock.Any()).Return(&access.ForbiddenError{Missing: "stream"})
		}, http.StatusForbidden, "FORBIDDEN"},
		"a page of another site": {
			map[string]any{"cookie": "session=jwt", "sec-fetch-site": "cross-site"}, func(guarded) {}, http.StatusForbidden, "CROSS_ORIGIN",
		},
		"the stream of another subject": {bearer, func(g guarded) {
			g.access.EXPECT().Authenticate(gomock.Any(), gomock.Any()).Return(&access.Principal{Subject: "ann"}, nil)
			g.policy.EXPECT().Allow(gomock.Any(), gomock.Any(), gomock.Any()).Return(nil)
			g.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, connection.ErrRequestIDTaken)
		}, http.StatusForbidden, "REQUEST_ID_TAKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			c.expect(g)
			got := g.post(t, "", "s3cret", connectWith(t, "/s?request_id=abc", c.headers))
			if got.status != c.status || !strings.Contains(got.body, c.contains) {
				t.Errorf("answer: %+v, want %d with %s", got, c.status, c.contains)
			}
			if strings.Contains(got.body+g.logs.String(), "secret-jwt") {
				t.Errorf("the credential is in the answer or the log: %s %s", got.body, g.logs)
			}
		})
	}
}

// Neither a credential stands in for the callback's own secret, nor is one asked for at
// the end of a stream.
func TestTheCallbacksOwnSecretStaysAsItIs(t *testing.T) { // A7, S2
	g := newGuarded(t)
	body := connectWith(t, "/s?request_id=abc", map[string]any{"authorization": "Bearer jwt"})
	if got := g.post(t, "", "wrong", body); got.status != http.StatusUnauthorized {
		t.Errorf("answer: %+v, want 401", got)
	}
	g.manager.EXPECT().Disconnect(gomock.Any(), connection.Token("token-1"), connection.ReasonClientClosed)
	if got := g.post(t, "", "s3cret", disconnect); got.status != http.StatusOK {
		t.Errorf("answer: %+v, want 200", got)
	}
}
