// Package versionboardcontract is the contract of version.Board, as tests.
package versionboardcontract

import (
	"fmt"
	"sync"
	"testing"

	"heliograph/domain/event"
	"heliograph/domain/version"
)

// Run tests the empty boards that fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) version.Board) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, b version.Board)
	}{
		{"an empty board has the zero version in each slot", empty},
		{"V6 the last version that was put is there, with every field and its place", everyField},
		{"V6 each slot has its own", itsOwn},
		{"V6 one that comes late does not take the place of a newer one", late},
		{"V6 one of another epoch does, whatever its sequence", anotherEpoch},
		{"V6 of concurrent writers the one of the latest place wins", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func empty(t *testing.T, b version.Board) {
	want(t, b, version.SlotCurrent, version.Logged{})
	want(t, b, version.SlotSource, version.Logged{})
}

func everyField(t *testing.T, b version.Board) {
	for seq, payload := range []string{`{"version":"1"}`, `{"more":[1.50,null],"version":"2","changelog":"<b>\u00e9</b>"}`} {
		v := version.Logged{Version: parse(t, payload), At: event.ID{Epoch: "e", Seq: uint64(seq)}}
		put(t, b, version.SlotCurrent, v)
		want(t, b, version.SlotCurrent, v)
		want(t, b, version.SlotCurrent, v)
	}
}

func itsOwn(t *testing.T, b version.Board) {
	one, two := logged(t, "e", 1), logged(t, "e", 2)
	put(t, b, version.SlotSource, one)
	put(t, b, version.SlotCurrent, two)
	want(t, b, version.SlotSource, one)
	want(t, b, version.SlotCurrent, two)
}

func late(t *testing.T, b version.Board) {
	newer := logged(t, "e", 7)
	put(t, b, version.SlotCurrent, newer)
	put(t, b, version.SlotCurrent, logged(t, "e", 6))
	want(t, b, version.SlotCurrent, newer)
	put(t, b, version.SlotCurrent, newer)
	want(t, b, version.SlotCurrent, newer)
}

func anotherEpoch(t *testing.T, b version.Board) {
	put(t, b, version.SlotCurrent, logged(t, "e", 7))
	again := logged(t, "f", 1)
	put(t, b, version.SlotCurrent, again)
	want(t, b, version.SlotCurrent, again)
}

func concurrent(t *testing.T, b version.Board) {
	const writers = 8
	var running sync.WaitGroup
	for n := range uint64(writers) {
		running.Go(func() { put(t, b, version.SlotCurrent, logged(t, "e", n+1)) })
	}
	running.Wait()
	want(t, b, version.SlotCurrent, logged(t, "e", writers))
}

func logged(t *testing.T, epoch string, seq uint64) version.Logged {
	return version.Logged{Version: parse(t, fmt.Sprintf(`{"version":"%s-%d"}`, epoch, seq)), At: event.ID{Epoch: epoch, Seq: seq}}
}

func parse(t *testing.T, payload string) version.Version {
	v, err := version.Parse([]byte(payload))
	if err != nil {
		t.Error(err)
	}
	return v
}

func put(t *testing.T, b version.Board, slot version.Slot, v version.Logged) {
	t.Helper()
	if err := b.Put(t.Context(), slot, v); err != nil {
		t.Errorf("Put: %v", err)
	}
}

func want(t *testing.T, b version.Board, slot version.Slot, v version.Logged) {
	t.Helper()
	got, err := b.Get(t.Context(), slot)
	if err != nil || got.At != v.At || !got.Version.Same(v.Version) {
		t.Errorf("%s has %s at %s, %v; want %s at %s", slot, got.Version.Payload(), got.At, err, v.Version.Payload(), v.At)
	}
}
