// Package versionpendingcontract is the contract of version.Pending, as tests.
package versionpendingcontract

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// Subject is an empty store under test.
type Subject struct {
	Pending version.Pending
	// Bound is the most versions that it keeps: at least 60.
	Bound int
	// Bytes is how large they are together at most, payloads and what the store adds:
	// at least 50 KiB.
	Bytes int
}

// Run holds what fresh returns against every sentence of the contract.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"V3 what was put is pending until another is put", untilAnother},
		{"V4 a version comes back with every field", everyField},
		{"V2 each request_id has its own", itsOwn},
		{"V3 the bound holds, and the least recently used goes first", bounded},
		{"V3 the bound in bytes holds, and the least recently used goes first", boundedInBytes},
		{"W7 a list has so many at most, says whether there are more, and uses none", listed},
		{"concurrent callers get what they put", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func untilAnother(t *testing.T, s Subject) {
	want(t, s, "a", "")
	for _, name := range []string{"1", "2", "1"} {
		put(t, s, "a", name)
		want(t, s, "a", name)
		want(t, s, "a", name)
	}
}

func everyField(t *testing.T, s Subject) {
	const payload = `{"more":[1.50,null],"version":"1","changelog":"<b>\u00e9</b>"}`
	v, err := version.Parse([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pending.Put(t.Context(), "a", v); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if got := get(t, s, "a"); string(got.Payload()) != payload || got.Name() != "1" {
		t.Errorf("pending is %q, %s, want %s", got.Name(), got.Payload(), payload)
	}
}

func itsOwn(t *testing.T, s Subject) {
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	want(t, s, "a", "1")
	want(t, s, "b", "2")
	want(t, s, "A", "")
}

func bounded(t *testing.T, s Subject) {
	for n := range s.Bound {
		put(t, s, nth(n), "1")
	}
	want(t, s, nth(0), "1") // used: now nth(1) was not for the longest time
	put(t, s, "one-more", "1")
	want(t, s, nth(1), "")
	want(t, s, nth(0), "1")
	want(t, s, "one-more", "1")
}

func boundedInBytes(t *testing.T, s Subject) {
	const all, fit = 60, 50 // how many are put, and how many have room at most
	large, err := version.Named(strings.Repeat("x", s.Bytes/fit))
	if err != nil {
		t.Fatal(err)
	}
	for n := range all {
		if n == fit/2 {
			get(t, s, nth(0)) // used: now nth(1) was not for the longest time
		}
		if err := s.Pending.Put(t.Context(), nth(n), large); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
	kept := 0
	for n := range all {
		if !get(t, s, nth(n)).IsZero() {
			kept++
		}
	}
	if kept < fit/2 || kept > fit {
		t.Errorf("%d are pending, at most %d have room", kept, fit)
	}
	want(t, s, nth(1), "")
	for _, n := range []int{0, all - 1} {
		want(t, s, nth(n), large.Name())
	}
}

func listed(t *testing.T, s Subject) {
	if waiting, more, err := s.Pending.List(t.Context(), 2); err != nil || more || len(waiting) != 0 {
		t.Errorf("with none pending the list has %v, more %t, %v", waiting, more, err)
	}
	for n := range s.Bound {
		put(t, s, nth(n), fmt.Sprint(n))
	}
	// What was put a moment ago may be on its way to the server that lists.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var waiting []version.Waiting
	for len(waiting) < s.Bound {
		var more bool
		var err error
		if waiting, more, err = s.Pending.List(ctx, s.Bound); err != nil || more {
			t.Fatalf("the list has %d of %d, more %t, %v", len(waiting), s.Bound, more, err)
		}
	}
	found := map[connection.RequestID]string{}
	for _, one := range waiting {
		found[one.RequestID] = one.Version.Name()
	}
	for n := range s.Bound {
		if found[nth(n)] != fmt.Sprint(n) {
			t.Errorf("listed for %s is %q, want %d", nth(n), found[nth(n)], n)
		}
	}
	if waiting, more, err := s.Pending.List(t.Context(), 3); err != nil || !more || len(waiting) != 3 {
		t.Errorf("a list of three has %d, more %t, %v", len(waiting), more, err)
	}
	put(t, s, "one-more", "1")
	want(t, s, nth(0), "") // it was not used by being listed
}

func concurrent(t *testing.T, s Subject) {
	var callers sync.WaitGroup
	for n := range min(s.Bound, 8) {
		callers.Go(func() {
			for round := range 50 {
				name := fmt.Sprint(round + 1)
				put(t, s, nth(n), name)
				want(t, s, nth(n), name)
			}
		})
	}
	callers.Wait()
}

func nth(n int) connection.RequestID { return connection.RequestID(fmt.Sprintf("client-%d", n)) }

func put(t *testing.T, s Subject, id connection.RequestID, name string) {
	t.Helper()
	v, err := version.Named(name)
	if err != nil {
		t.Errorf("version %q: %v", name, err)
	}
	if err := s.Pending.Put(t.Context(), id, v); err != nil {
		t.Errorf("Put: %v", err)
	}
}

func get(t *testing.T, s Subject, id connection.RequestID) version.Version {
	t.Helper()
	v, err := s.Pending.Get(t.Context(), id)
	if err != nil {
		t.Errorf("Get: %v", err)
	}
	return v
}

// want holds that the version of that name is pending for id, or none for "".
func want(t *testing.T, s Subject, id connection.RequestID, name string) {
	t.Helper()
	if got := get(t, s, id); got.Name() != name {
		t.Errorf("pending for %s is %q, want %q", id, got.Name(), name)
	}
}
