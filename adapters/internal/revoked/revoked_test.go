package revoked_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/internal/revoked"
	"heliograph/domain/access"
)

const keep = time.Hour

func principal(subject, credential string, issued time.Time) *access.Principal {
	return &access.Principal{Subject: subject, CredentialID: credential, Issued: issued}
}

func TestWhatARevocationRefuses(t *testing.T) { // A18
	t.Parallel()
	m := revoked.New(keep)
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	old := at.Add(-1)
	if m.Revoked(nil) || m.Revoked(principal("ann", "1", old)) {
		t.Error("something is refused at first")
	}
	for _, r := range []access.Revocation{
		{Subject: "ann", Before: at}, {CredentialID: "1", Before: at}, {Subject: "bob", CredentialID: "2", Before: at},
	} {
		if !m.Add(r) {
			t.Errorf("%+v is no news", r)
		}
		if m.Add(r) {
			t.Errorf("%+v is news twice", r)
		}
	}
	for _, c := range []struct {
		p    *access.Principal
		want bool
	}{
		{nil, false},
		{principal("ann", "", old), true},
		{principal("ann", "9", old), true},
		{principal("ann", "9", at), false},
		{principal("carl", "1", old), true},
		{principal("carl", "1", at), false},
		{principal("carl", "", old), false},
		{principal("bob", "2", old), true},
		{principal("bob", "3", old), false},
		{principal("bob", "", old), false},
		{principal("carl", "2", old), false},
	} {
		if got := m.Revoked(c.p); got != c.want {
			t.Errorf("%+v is revoked: %t", c.p, got)
		}
	}
	if later := at.Add(time.Minute); !m.Add(access.Revocation{Subject: "ann", Before: later}) || !m.Revoked(principal("ann", "", at)) {
		t.Error("a later one does not count")
	}
	if m.Add(access.Revocation{Subject: "ann", Before: at}) || !m.Revoked(principal("ann", "", at)) {
		t.Error("an earlier one takes its place")
	}
}

func TestWhatEndsStreamsOnlyIsToldAndNotRemembered(t *testing.T) { // A18
	t.Parallel()
	m := revoked.New(keep)
	var told []access.Revocation
	stop := m.Watch(func(r access.Revocation) { told = append(told, r) })
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for _, r := range []access.Revocation{{Subject: "ann"}, {CredentialID: "1"}, {RequestID: "tab"}, {RequestID: "tab", Before: at}} {
		if m.Add(r) {
			t.Errorf("%+v refuses something", r)
		}
	}
	m.Remember(access.Revocation{Subject: "bob", Before: at})
	if len(told) != 4 || m.Revoked(principal("ann", "1", time.Time{})) || !m.Revoked(principal("bob", "", time.Time{})) {
		t.Errorf("told were %v", told)
	}
	stop()
	if m.Add(access.Revocation{Subject: "carl"}); len(told) != 4 {
		t.Errorf("told after the end were %v", told)
	}
}

func TestWhatIsRefusedForItsAgeAnywayIsForgotten(t *testing.T) { // A18
	synctest.Test(t, func(t *testing.T) {
		m := revoked.New(keep)
		add := func(subject string) { m.Add(access.Revocation{Subject: subject, Before: time.Now()}) }
		add("ann")
		add("key:backend")
		if m.Room(2) || !m.Room(3) {
			t.Error("the two are not there")
		}
		<-time.After(keep)
		if m.Room(2) {
			t.Error("one is forgotten too early")
		}
		<-time.After(1)
		if !m.Room(2) || m.Room(1) {
			t.Error("what has ended, and only that, is to make room")
		}
		if !m.Revoked(principal("key:backend", "", time.Time{})) || m.Revoked(principal("ann", "", time.Time{})) {
			t.Error("the key's is forgotten, or the other one is not")
		}
		if revoked.For(access.Revocation{Subject: "key:x"}, keep) != 0 || revoked.For(access.Revocation{Subject: "x"}, keep) != keep {
			t.Error("those of keys, and no others, are for ever")
		}
	})
}

func TestManyRevocationsSweepByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := revoked.New(keep)
		add := func(i int) { m.Remember(access.Revocation{Subject: fmt.Sprint(i), Before: time.Now()}) }
		const many = 1024
		for i := range many - 1 {
			add(i)
		}
		<-time.After(keep + 1)
		old := principal("0", "", time.Time{})
		if !m.Revoked(old) {
			t.Fatal("it is forgotten before the sweep")
		}
		add(many)
		if m.Revoked(old) || !m.Revoked(principal(fmt.Sprint(many), "", time.Time{})) {
			t.Error("the sweep leaves what has ended, or takes what has not")
		}
		add(0)
		<-time.After(keep + 1)
		add(1)
		if !m.Revoked(old) {
			t.Error("the next one comes at once")
		}
	})
}
