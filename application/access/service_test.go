package access_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memrevocations"
	"heliograph/adapters/outbound/memtickets"
	"heliograph/adapters/outbound/scopepolicy"
	"heliograph/adapters/outbound/tasktokens"
	accessservice "heliograph/application/access"
	"heliograph/domain/access"
	"heliograph/test/contract/accessservicecontract"
	"heliograph/test/mocks"
)

const keep = 720 * time.Hour

// register is an authenticator that knows what it was told.
type register map[string]*access.Principal

// Authenticate implements access.Authenticator.
func (r register) Authenticate(_ context.Context, c access.Credential) (*access.Principal, bool, error) {
	p := r[c.Text]
	return p, p != nil && c.Source == access.FromHeader, nil
}

// parts are what a service is made of in a test, which may replace them.
func parts(t *testing.T, known register) accessservice.Deps {
	t.Helper()
	tokens, err := tasktokens.New(tasktokens.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return accessservice.Deps{
		Authenticators: []access.Authenticator{tokens, known}, Tickets: memtickets.New(), TaskTokens: tokens,
		Revocations: memrevocations.New(keep), Log: slog.New(slog.DiscardHandler),
	}
}

func open(deps accessservice.Deps) *accessservice.Service {
	return accessservice.New(accessservice.Config{Keep: keep}, deps)
}

func header(text string) access.Credential {
	return access.Credential{Source: access.FromHeader, Text: text}
}

func wantCode(t *testing.T, err error, code access.RefusalCode) {
	t.Helper()
	if refused, ok := errors.AsType[*access.RefusedError](err); !ok || refused.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

func TestServiceContract(t *testing.T) {
	t.Parallel()
	accessservicecontract.Run(t, func(t *testing.T) accessservicecontract.Subject {
		known := register{}
		return accessservicecontract.Subject{
			Service: open(parts(t, known)), Policy: scopepolicy.New(),
			Issue: func(_ *testing.T, subject, id string, issued, expires time.Time) access.Credential {
				text := subject + "/" + id + "/" + issued.String()
				known[text] = &access.Principal{
					Subject: subject, CredentialID: id, Issued: issued.Truncate(time.Second), Expires: expires.Truncate(time.Second), Scopes: access.ScopesOf(access.Stream),
				}
				return header(text)
			},
		}
	})
}

func TestAuthenticatorsAreAskedInTurn(t *testing.T) { // A2
	t.Parallel()
	ctrl := gomock.NewController(t)
	first, second, third := mocks.NewMockAuthenticator(ctrl), mocks.NewMockAuthenticator(ctrl), mocks.NewMockAuthenticator(ctrl)
	alice := &access.Principal{Subject: "alice"}
	gomock.InOrder(
		first.EXPECT().Authenticate(gomock.Any(), header("x")).Return(nil, false, nil),
		second.EXPECT().Authenticate(gomock.Any(), header("x")).Return(alice, true, nil),
		first.EXPECT().Authenticate(gomock.Any(), header("y")).Return(nil, true, access.Refuse(access.RefusedUnknown, "no")),
		first.EXPECT().Authenticate(gomock.Any(), header("z")).Return(nil, false, access.ErrUnavailable),
	)
	deps := parts(t, nil)
	deps.Authenticators = []access.Authenticator{first, second, third}
	s := open(deps)
	if p, err := s.Authenticate(t.Context(), header("x")); p != alice || err != nil {
		t.Errorf("%+v, %v", p, err)
	}
	_, err := s.Authenticate(t.Context(), header("y"))
	wantCode(t, err, access.RefusedUnknown)
	if _, err := s.Authenticate(t.Context(), header("z")); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

// What cannot be looked up lets nobody in.
func TestWhatFailsLetsNobodyIn(t *testing.T) { // A2, A6
	t.Parallel()
	ctrl := gomock.NewController(t)
	tickets, tokens, revocations := mocks.NewMockTickets(ctrl), mocks.NewMockTaskTokens(ctrl), mocks.NewMockRevocations(ctrl)
	alice := &access.Principal{Subject: "alice"}
	tickets.EXPECT().Redeem(gomock.Any(), "t").Return(nil, false, access.ErrUnavailable)
	tickets.EXPECT().Issue(gomock.Any(), alice, 30*time.Second).Return("", access.ErrUnavailable)
	tokens.EXPECT().Issue(gomock.Any(), gomock.Any()).Return("", access.ErrUnavailable)
	revocations.EXPECT().Revoke(gomock.Any(), gomock.Any()).Return(access.ErrUnavailable)
	deps := parts(t, nil)
	deps.Tickets, deps.TaskTokens, deps.Revocations = tickets, tokens, revocations
	s := open(deps)
	_, redeemed := s.Authenticate(t.Context(), access.Credential{Source: access.FromTicket, Text: "t"})
	_, _, issued := s.Ticket(t.Context(), alice)
	_, token := s.TaskToken(t.Context(), "t", false)
	revoked := s.Revoke(t.Context(), access.Revocation{Subject: "alice"})
	for i, err := range []error{redeemed, issued, token, revoked} {
		if !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("%d: %v, want ErrUnavailable", i, err)
		}
	}
}

func TestATicketEndsAfter30SecondsOrWithItsCredential(t *testing.T) { // A6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(parts(t, nil))
		for _, c := range []struct {
			life, wait time.Duration
			code       access.RefusalCode
		}{
			{time.Hour, 29 * time.Second, ""},
			{time.Hour, 31 * time.Second, access.RefusedUnknown},
			{10 * time.Second, 9 * time.Second, ""},
			{10 * time.Second, 10 * time.Second, access.RefusedExpired},
			{0, 29 * time.Second, ""},
		} {
			p := &access.Principal{Subject: "alice"}
			if c.life > 0 {
				p.Expires = time.Now().Add(c.life)
			}
			text, _, err := s.Ticket(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(c.wait)
			_, err = s.Authenticate(t.Context(), access.Credential{Source: access.FromTicket, Text: text})
			if c.code == "" {
				if err != nil {
					t.Errorf("after %s of %s: %v", c.wait, c.life, err)
				}
				continue
			}
			wantCode(t, err, c.code)
		}
	})
}

func TestACredentialThatIsOlderThanRevocationsAreRememberedIsRefused(t *testing.T) { // A18
	t.Parallel()
	old := time.Now().Add(-keep - time.Minute)
	s := open(parts(t, register{
		"old": {Subject: "alice", Issued: old}, "young": {Subject: "alice", Issued: old.Add(time.Hour)}, "unknown": {Subject: "alice"},
		"key": {Subject: "key:backend", Issued: old}, // revocations of keys are kept for ever
	}))
	_, err := s.Authenticate(t.Context(), header("old"))
	wantCode(t, err, access.RefusedExpired)
	for _, text := range []string{"young", "unknown", "key"} {
		if _, err := s.Authenticate(t.Context(), header(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestNoCredentialIsLogged(t *testing.T) { // A5, A6
	t.Parallel()
	var log bytes.Buffer
	deps := parts(t, register{"s3cret-old": {Subject: "alice", Expires: time.Now().Add(-time.Hour)}})
	deps.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := open(deps)
	for _, source := range []access.Source{access.FromHeader, access.FromCookie, access.FromTicket, access.FromProxy} {
		for _, text := range []string{"s3cret", "s3cret-old", "hk_s3cret", "ht_s3cret", "s3cret.s3cret.s3cret"} {
			if _, err := s.Authenticate(t.Context(), access.Credential{Source: source, Text: text}); err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s from %s: %v", text, source, err)
			}
		}
	}
	if n := strings.Count(log.String(), "credential refused"); n != 20 || strings.Contains(log.String(), "s3cret") {
		t.Errorf("%d are logged, want 20:\n%s", n, log.String())
	}
}
