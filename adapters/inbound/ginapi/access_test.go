package ginapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/task"
)

// user is who asks in the tests of access.
var user = &access.Principal{Subject: "user-1", Expires: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

func newUsersService(t *testing.T) *service {
	t.Helper()
	s := newService(t, ginapi.Config{})
	s.caller = user
	return s
}

// post is ask for a POST.
func (s *service) post(t *testing.T, path, body string) answer {
	t.Helper()
	return s.ask(t, http.MethodPost, path, body)
}

func TestATicketIsHandedOut(t *testing.T) { // A6
	s := newUsersService(t)
	s.access.EXPECT().Ticket(gomock.Any(), user).Return("RTS5ZFGEWWQKHKF3PKCYDTH6YA", 30*time.Second, nil)
	got := s.post(t, "/api/sse/ticket", "")
	got.wantJSON(t, http.StatusOK, `{"ticket":"RTS5ZFGEWWQKHKF3PKCYDTH6YA","expires_in":30}`)
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a cache may keep it: %v", got.header)
	}
	s.access.EXPECT().Ticket(gomock.Any(), user).Return("", 0, access.ErrUnavailable)
	if got := s.post(t, "/api/sse/ticket", ""); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestRevokingRefusesWhatWasIssuedUntilNow(t *testing.T) { // A18
	for _, c := range []struct {
		path, body string
		want       access.Revocation
		refuses    bool
	}{
		{"/api/subjects/user-2/revoke", "", access.Revocation{Subject: "user-2"}, true},
		{"/api/subjects/a%20c/revoke", "{}", access.Revocation{Subject: "a c"}, true},
		{"/api/subjects/user-2/revoke", `{"jti":"j1"}`, access.Revocation{Subject: "user-2", CredentialID: "j1"}, true},
		{"/api/subjects/user-2/revoke", `{"request_id":"r1"}`, access.Revocation{Subject: "user-2", RequestID: "r1"}, false},
	} {
		s := newUsersService(t)
		begin := time.Now()
		s.access.EXPECT().Revoke(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, r access.Revocation) error {
			if now := !r.Before.Before(begin) && !r.Before.After(time.Now()); now != c.refuses {
				t.Errorf("%s %s: before %v", c.path, c.body, r.Before)
			}
			if r.Before = (time.Time{}); r != c.want {
				t.Errorf("%s %s: %+v", c.path, c.body, r)
			}
			return nil
		})
		if got := s.post(t, c.path, c.body); got.status != http.StatusOK || !strings.Contains(got.body, `"success":true`) {
			t.Errorf("%s: %d %s", c.path, got.status, got.body)
		}
	}
}

func TestStreamsCanBeEnded(t *testing.T) { // A18
	for body, want := range map[string]access.Revocation{
		`{"request_id":"r1"}`:              {RequestID: "r1"},
		`{"subject":"user-2"}`:             {Subject: "user-2"},
		`{"jti":"j1"}`:                     {CredentialID: "j1"},
		`{"subject":"user-2","jti":"j1"}`:  {Subject: "user-2", CredentialID: "j1"},
		`{"subject":"user-2","more":true}`: {Subject: "user-2"},
	} {
		s := newUsersService(t)
		s.access.EXPECT().Revoke(gomock.Any(), want)
		s.post(t, "/api/connections/disconnect", body).wantJSON(t, http.StatusOK, `{"success":true,"message":"the streams end"}`)
	}
	for _, body := range []string{`{}`, `[]`, `{"subject":1}`, `{"Subject":"a"}`} {
		if got := newUsersService(t).post(t, "/api/connections/disconnect", body); got.status != http.StatusBadRequest || got.code() != "INVALID_PAYLOAD" {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestACredentialIsRenewedInPlace(t *testing.T) { // A17
	s := newUsersService(t)
	s.keeper.EXPECT().Renew(gomock.Any(), connection.RequestID("r1"), user)
	s.post(t, "/api/connections/r1/credential", "").wantJSON(t, http.StatusOK, `{"success":true,"expires_at":"2026-01-02T03:04:05Z"}`)

	for err, want := range map[error]struct {
		status int
		code   string
	}{
		connection.ErrNotFound:       {http.StatusNotFound, "UNKNOWN_CONNECTION"},
		connection.ErrOtherPrincipal: {http.StatusConflict, "OTHER_PRINCIPAL"},
		connection.ErrUnavailable:    {http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},
	} {
		s.keeper.EXPECT().Renew(gomock.Any(), gomock.Any(), gomock.Any()).Return(err)
		if got := s.post(t, "/api/connections/r1/credential", ""); got.status != want.status || got.code() != want.code {
			t.Errorf("%v: %d %s", err, got.status, got.body)
		}
	}
	if got := s.post(t, "/api/connections/a:b/credential", ""); got.code() != "INVALID_REQUEST_ID" {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.caller = nil
	if got := s.post(t, "/api/connections/r1/credential", ""); got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("without a credential: %d %s", got.status, got.body)
	}
}

func TestAStartNamesItsAudience(t *testing.T) { // A11, C2
	for given, want := range map[string]access.Choice{
		`"everyone"`: {Given: true},
		`null`:       {},
		`{"subjects":["a"],"roles":["b"],"request_ids":["c"]}`: {Given: true, Audience: &access.Audience{Subjects: []string{"a"}, Roles: []string{"b"}, RequestIDs: []string{"c"}}},
	} {
		s := newService(t, ginapi.Config{})
		s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: "demo_task", Audience: want}).Return(pending(knownID), nil)
		if got := s.ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","audience":`+given+`}`); got.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", given, got.status, got.body)
		}
	}
	for _, given := range []string{
		`"nobody"`, `[]`, `{}`, `{"subjects":[]}`, `{"subjects":"a"}`, `{"subjects":[""]}`, `{"users":["a"]}`, `{"subjects":["a\n"]}`, `1`,
		`{"request_ids":["task:a"]}`, // C2: no stream can have it
		`{"subjects":["` + strings.Repeat("x", 257) + `"]}`, `{"roles":["a"` + strings.Repeat(`,"a"`, 100) + `]}`,
	} {
		s := newService(t, ginapi.Config{})
		if got := s.ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","audience":`+given+`}`); got.status != http.StatusBadRequest || got.code() != "INVALID_AUDIENCE" {
			t.Errorf("%.80s: %d %s", given, got.status, got.body)
		}
	}
}

func TestAStartMayAskForATokenForItsTask(t *testing.T) { // A8
	for follow, cancel := range map[string]bool{"read": false, "cancel": true} {
		s := newService(t, ginapi.Config{})
		s.caller = &access.Principal{Subject: "user-1"}
		s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: "demo_task", Followed: true}).Return(pending(knownID), nil).Times(2)
		s.access.EXPECT().TaskToken(gomock.Any(), knownID, cancel).Return("token-1", nil)
		body := `{"type":"demo_task","follow":"` + follow + `"}`
		got := s.ask(t, http.MethodPost, "/api/tasks", body)
		if got.status != http.StatusAccepted || !strings.Contains(got.body, `"follow_token":"token-1"`) || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", follow, got.status, got.body)
		}
		s.access.EXPECT().TaskToken(gomock.Any(), knownID, cancel).Return("", errors.New("broken"))
		if got := s.ask(t, http.MethodPost, "/api/tasks", body); got.status != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", follow, got.status, got.body)
		}
	}
	s := newService(t, ginapi.Config{}) // without authentication
	s.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).Return(pending(knownID), nil)
	if got := s.ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","follow":"read"}`); got.status != http.StatusAccepted || strings.Contains(got.body, "follow_token") {
		t.Errorf("without authentication: %d %s", got.status, got.body)
	}
	for _, follow := range []string{`"write"`, `""`, `true`} {
		if got := newService(t, ginapi.Config{}).ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","follow":`+follow+`}`); got.code() != "INVALID_PAYLOAD" {
			t.Errorf("%s: %d %s", follow, got.status, got.body)
		}
	}
}
