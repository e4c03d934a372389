// Package authenticatorcontract is the contract of access.Authenticator, as tests.
package authenticatorcontract

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/domain/access"
)

// Subject is what is tested.
type Subject struct {
	Authenticator access.Authenticator
	// Good are credentials, by what they are called here.
	Good map[string]Proof
	// Refused are credentials of the authenticator's form that it refuses.
	Refused map[string]Refusal
	// Foreign are credentials that are not of its form, beside those that are none's.
	Foreign map[string]access.Credential
	// Unsigned says that any credential of its form is good, as that of a trusted proxy.
	Unsigned bool
}

// Proof is a credential and whom it proves.
type Proof struct {
	Credential access.Credential
	// Principal is compared without Issued, if that is the zero time.
	Principal *access.Principal
}

// Refusal is a credential and why it is refused.
type Refusal struct {
	Credential access.Credential
	Code       access.RefusalCode
	// Reason is a part of what a person is told; "" is not looked at.
	Reason string
}

// Run tests what fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"A2 a good credential proves its principal, as often as it is shown", good},
		{"A2 at the same time, too", concurrently},
		{"A2 a bad one is refused with a code and a reason", refused},
		{"A2 what is of another form is left to others", foreign},
		{"A2 a changed one proves nobody", changed},
		{"A2 what a refusal says holds nothing of the credential", silent},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func good(t *testing.T, s Subject) {
	for name, proof := range s.Good {
		for range 2 {
			p, known, err := s.Authenticator.Authenticate(t.Context(), proof.Credential)
			if !known || err != nil || !same(p, proof.Principal) {
				t.Errorf("%s: %+v, %t, %v; want %+v", name, p, known, err, proof.Principal)
			}
		}
	}
}

// same reports whether got is the principal that is wanted.
func same(got, want *access.Principal) bool {
	if got == nil || want == nil {
		return got == want
	}
	g, w := *got, *want
	if w.Issued.IsZero() {
		g.Issued = w.Issued
	}
	if !g.Issued.Equal(w.Issued) || !g.Expires.Equal(w.Expires) {
		return false
	}
	for _, p := range []*access.Principal{&g, &w} {
		p.Issued, p.Expires = time.Time{}, time.Time{}
		for _, list := range []*[]string{&p.Roles, &p.OtherScopes, &p.TaskTypes} {
			if len(*list) == 0 {
				*list = nil
			}
		}
	}
	return reflect.DeepEqual(g, w)
}

func concurrently(t *testing.T, s Subject) {
	var running sync.WaitGroup
	for name, proof := range s.Good {
		for range 8 {
			running.Go(func() {
				if p, _, err := s.Authenticator.Authenticate(t.Context(), proof.Credential); !same(p, proof.Principal) {
					t.Errorf("%s: %+v, %v", name, p, err)
				}
			})
		}
	}
	running.Wait()
}

func refused(t *testing.T, s Subject) {
	for name, refusal := range s.Refused {
		p, known, err := s.Authenticator.Authenticate(t.Context(), refusal.Credential)
		got, ok := errors.AsType[*access.RefusedError](err)
		switch {
		case !ok || !known || p != nil:
			t.Errorf("%s: %+v, %t, %v; want it refused", name, p, known, err)
		case got.Code != refusal.Code || got.Reason == "" || !strings.Contains(got.Reason, refusal.Reason):
			t.Errorf("%s: %s %q, want %s %q", name, got.Code, got.Reason, refusal.Code, refusal.Reason)
		}
	}
}

func foreign(t *testing.T, s Subject) {
	all := map[string]access.Credential{
		"nothing": {}, "no text": {Source: access.FromHeader}, "a word": {Source: access.FromHeader, Text: "x"},
		"a ticket": {Source: access.FromTicket, Text: "MFRGGZDFMZTWQ2LKNNWG23TPOA"},
	}
	for name, proof := range s.Good {
		all["as a ticket: "+name] = access.Credential{Source: access.FromTicket, Text: proof.Credential.Text}
	}
	maps.Copy(all, s.Foreign)
	for name, c := range all {
		if p, known, err := s.Authenticator.Authenticate(t.Context(), c); p != nil || known || err != nil {
			t.Errorf("%s: %+v, %t, %v; want it left to others", name, p, known, err)
		}
	}
}

func changed(t *testing.T, s Subject) {
	if s.Unsigned {
		return
	}
	for name, proof := range s.Good {
		text := proof.Credential.Text
		try := func(other string) {
			c := access.Credential{Source: proof.Credential.Source, Text: other}
			if p, _, _ := s.Authenticator.Authenticate(t.Context(), c); p != nil {
				t.Errorf("%s: %q instead of %q proves %+v", name, other, text, p)
			}
		}
		for i := range len(text) - 1 { // not the last one: of that, base64 leaves out bits
			other := "A"
			if text[i] == 'A' {
				other = "B"
			}
			try(text[:i] + other + text[i+1:])
		}
		for _, other := range []string{text[:1], text[:len(text)/2], text[:len(text)-3], text + "A", text + text, text + "\x00", " " + text} {
			try(other)
		}
	}
}

func silent(t *testing.T, s Subject) {
	for name, refusal := range s.Refused {
		_, _, err := s.Authenticator.Authenticate(t.Context(), refusal.Credential)
		for part := range strings.SplitSeq(refusal.Credential.Text, ".") {
			if len(part) > 12 && err != nil && strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q holds %q", name, err, part)
			}
		}
	}
}
