// Package versionservicecontract is the contract of version.Service, as tests.
package versionservicecontract

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/version"
)

// Subject is a service that runs, with a source that has failed so far, and without any
// version.
type Subject struct {
	Versions version.Service
	Pending  version.Pending
	// Say has the source name a version from now on, and Fail has it fail again.
	Say  func(t *testing.T, v version.Version)
	Fail func(t *testing.T)
	// Secret is in the cause of the source's failure, and nothing for clients.
	Secret string
	// Received waits until all clients were sent so many versions, and returns all that
	// they were sent so far, in order.
	Received func(t *testing.T, n int) []event.Event
	// MaxBytes is how large a version's payload may be.
	MaxBytes int
	// Stop has the service announce nothing any more.
	Stop func(t *testing.T)
}

// Run holds what fresh returns against every sentence of the contract.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, fixture)
	}{
		{"V2 V4 what is announced is broadcast as it is, although no client is connected", broadcast},
		{"V6 what is announced to all is the current version from then on", announcedToAll},
		{"V2 what is announced for one request_id is pending for that one, and not current", announcedForOne},
		{"V2 of many announcements for one request_id the one that was broadcast last is pending", announcedByMany},
		{"E8 a version that is too large is ErrTooLarge and changes nothing", tooLarge},
		{"V7 after the end Announce is ErrShuttingDown and broadcasts nothing", afterStop},
		{"while no version is known Current is ErrUnavailable and names no secret", unknown},
		{"V6 Current is what the source says, and stays so while the source fails", ofTheSource},
		{"V6 an announced version is current until the source names another", untilTheSourceChanges},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fixture{t, fresh(t)}) })
	}
}

// fixture is a Subject with the steps that must not fail.
type fixture struct {
	t *testing.T
	Subject
}

func (f fixture) parse(payload string) version.Version {
	f.t.Helper()
	v, err := version.Parse([]byte(payload))
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func (f fixture) named(name string) version.Version {
	f.t.Helper()
	return f.parse(`{"version":"` + name + `"}`)
}

func (f fixture) announce(id connection.RequestID, v version.Version) {
	f.t.Helper()
	if err := f.Versions.Announce(f.t.Context(), id, v); err != nil {
		f.t.Errorf("Announce: %v", err)
	}
}

// wantReceived holds what all clients were sent against payloads.
func (f fixture) wantReceived(want ...string) {
	f.t.Helper()
	var got []string
	for _, ev := range f.Received(f.t, len(want)) {
		if ev.Name != version.EventName || ev.Service != event.ServiceVersion {
			f.t.Errorf("clients were sent a %s of %s", ev.Name, ev.Service)
		}
		got = append(got, string(ev.Data))
	}
	if !slices.Equal(got, want) {
		f.t.Errorf("clients were sent %q, want %q", got, want)
	}
}

func (f fixture) wantCurrent(name string) {
	f.t.Helper()
	if v, err := f.Versions.Current(f.t.Context()); err != nil || v.Name() != name {
		f.t.Errorf("current is %q, %v; want %q", v.Name(), err, name)
	}
}

// wantPending holds the pending version of id against a name; "" is none.
func (f fixture) wantPending(id connection.RequestID, name string) {
	f.t.Helper()
	if v, err := f.Pending.Get(f.t.Context(), id); err != nil || v.Name() != name {
		f.t.Errorf("pending for %s is %q, %v; want %q", id, v.Name(), err, name)
	}
}

func (f fixture) wantNoCurrent() {
	f.t.Helper()
	v, err := f.Versions.Current(f.t.Context())
	if !errors.Is(err, version.ErrUnavailable) || !v.IsZero() {
		f.t.Fatalf("current is %q, %v; want %v", v.Name(), err, version.ErrUnavailable)
	}
	if strings.Contains(err.Error(), f.Secret) {
		f.t.Errorf("clients are told %q: it contains %q", err, f.Secret)
	}
}

const payload = `{"more":[1.50,null],"version":"1","changelog":"<b>"}`

func broadcast(t *testing.T, f fixture) {
	f.announce("", f.parse(payload))
	f.announce("a", f.parse(`{"version":"2"}`))
	f.wantReceived(payload, `{"version":"2"}`)
}

func announcedToAll(t *testing.T, f fixture) {
	for n := range 3 {
		name := fmt.Sprint(n + 1)
		f.announce("", f.named(name))
		f.Received(t, n+1)
		f.wantCurrent(name)
	}
}

func announcedForOne(t *testing.T, f fixture) {
	f.announce("a", f.named("1"))
	f.announce("b", f.named("2"))
	f.announce("a", f.named("3"))
	f.Received(t, 3)
	f.wantPending("a", "3")
	f.wantPending("b", "2")
	f.wantPending("c", "")
	f.wantNoCurrent()
}

func announcedByMany(t *testing.T, f fixture) {
	const many = 8
	var callers sync.WaitGroup
	for n := range many {
		callers.Go(func() { f.announce("a", f.named(fmt.Sprint(n))) })
	}
	callers.Wait()
	last := f.Received(t, many)[many-1]
	f.wantPending("a", f.parse(string(last.Data)).Name())
}

func tooLarge(t *testing.T, f fixture) {
	sized := func(bytes int) version.Version { return f.named(strings.Repeat("1", bytes-len(`{"version":""}`))) }
	for _, id := range []connection.RequestID{"", "a"} {
		if err := f.Versions.Announce(t.Context(), id, sized(f.MaxBytes+1)); !errors.Is(err, version.ErrTooLarge) {
			t.Errorf("announced for %q: %v, want %v", id, err, version.ErrTooLarge)
		}
	}
	f.wantPending("a", "")
	f.wantNoCurrent()
	largest := sized(f.MaxBytes)
	f.announce("", largest)
	f.wantReceived(string(largest.Payload()))
}

func afterStop(t *testing.T, f fixture) {
	f.announce("", f.named("1"))
	f.wantReceived(`{"version":"1"}`)
	f.Stop(t)
	for _, id := range []connection.RequestID{"", "a"} {
		if err := f.Versions.Announce(t.Context(), id, f.named("2")); !errors.Is(err, version.ErrShuttingDown) {
			t.Errorf("announced for %q: %v, want %v", id, err, version.ErrShuttingDown)
		}
	}
	f.wantReceived(`{"version":"1"}`)
}

func unknown(_ *testing.T, f fixture) { f.wantNoCurrent() }

func ofTheSource(t *testing.T, f fixture) {
	for _, name := range []string{"1", "2"} { // confirmed or not (rule V8)
		f.Say(t, f.named(name))
		f.wantCurrent(name)
	}
	f.Fail(t)
	if v, err := f.Versions.Current(t.Context()); err != nil || v.IsZero() {
		t.Errorf("once the source fails the current version is %q, %v", v.Name(), err)
	}
}

func untilTheSourceChanges(t *testing.T, f fixture) {
	f.Say(t, f.named("1"))
	f.wantCurrent("1")
	f.Received(t, 1) // the source's first answer counts at once
	f.announce("", f.named("2"))
	f.Received(t, 2)
	f.wantCurrent("2")
	f.Say(t, f.named("3"))
	f.wantCurrent("3")
}
