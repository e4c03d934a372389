// Package tasktokenscontract is the contract of access.TaskTokens, as tests.
package tasktokenscontract

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"heliograph/domain/access"
)

// Subject is what is tested.
type Subject struct {
	Tokens access.TaskTokens
	// Authenticator is another node's, or this one's after a restart.
	Authenticator access.Authenticator
	// Stranger is that of another service.
	Stranger access.Authenticator
}

// Run tests what fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Run("A8 a token proves its principal, on any node", func(t *testing.T) { proves(t, fresh(t)) })
	t.Run("A8 another service takes none of them", func(t *testing.T) { strange(t, fresh(t)) })
	t.Run("A8 one that is for more than one task is not issued", func(t *testing.T) { more(t, fresh(t)) })
}

func principal() *access.Principal {
	return &access.Principal{
		Subject: access.TaskSubject + "4f0c", TaskID: "4f0c", Scopes: access.ScopesOf(access.Stream, access.TasksRead, access.TasksCancel),
		Issued: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Expires: time.Date(2126, 5, 4, 3, 2, 1, 0, time.UTC), CredentialID: "x",
	}
}

func issue(t *testing.T, s Subject) access.Credential {
	t.Helper()
	token, err := s.Tokens.Issue(t.Context(), principal())
	if err != nil {
		t.Fatalf("Issue: %v", err)
	}
	return access.Credential{Source: access.FromHeader, Text: token}
}

func proves(t *testing.T, s Subject) {
	c := issue(t, s)
	for range 2 {
		p, known, err := s.Authenticator.Authenticate(t.Context(), c)
		if err != nil || !known || !reflect.DeepEqual(p, principal()) {
			t.Errorf("%+v, %t, %v; want %+v", p, known, err, principal())
		}
	}
}

func strange(t *testing.T, s Subject) {
	p, known, err := s.Stranger.Authenticate(t.Context(), issue(t, s))
	if refused, ok := errors.AsType[*access.RefusedError](err); !ok || refused.Code != access.RefusedSignature || !known || p != nil {
		t.Errorf("%+v, %t, %v; want it refused", p, known, err)
	}
}

func more(t *testing.T, s Subject) {
	for name, change := range map[string]func(*access.Principal){
		"without a task":  func(p *access.Principal) { p.TaskID = "" },
		"of another task": func(p *access.Principal) { p.TaskID = "5" },
		"of a user":       func(p *access.Principal) { p.Subject = "alice" },
		"of a key":        func(p *access.Principal) { p.Subject = "key:backend" },
		"without an end":  func(p *access.Principal) { p.Expires = time.Time{} },
	} {
		p := principal()
		change(p)
		if token, err := s.Tokens.Issue(t.Context(), p); err == nil || token != "" {
			t.Errorf("%s: issued, %v", name, err)
		}
	}
}
