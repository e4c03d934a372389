package natsboard_test

import (
	"errors"
	"testing"

	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsboard"
	"heliograph/domain/event"
	"heliograph/domain/version"
)

// key and golden are the stored form of format 1, which later releases must read.
const (
	key    = "slot.current"
	golden = `{"format":1,"epoch":"e","seq":7,"version":{"version":"1","more":"<b>"}}`
)

func TestTheStoredForm(t *testing.T) { // V6
	broker := brokertest.InProcess(t)
	board, err := natsboard.Open(t.Context(), broker)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := broker.Bucket(t.Context(), "heliograph_version", -1)
	if err != nil {
		t.Fatal(err)
	}
	write := func(key, text string) {
		t.Helper()
		if _, err := kv.Put(t.Context(), key, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	wantBoard := func(what, payload string, at event.ID) {
		t.Helper()
		got, err := board.Get(t.Context(), version.SlotCurrent)
		if err != nil || string(got.Version.Payload()) != payload || got.At != at {
			t.Errorf("%s is read as %s at %s, %v", what, got.Version.Payload(), got.At, err)
		}
	}

	write("current", `{"version":"0"}`)
	wantBoard("the record of an earlier release", `{"version":"0"}`, event.ID{})

	at := event.ID{Epoch: "e", Seq: 7}
	write(key, `{"format":1,"epoch":"e","seq":7,"version":{"version":"1","more":"<b>"},"added":"later"}`)
	wantBoard("a record with a field more", `{"version":"1","more":"<b>"}`, at)

	for _, text := range []string{`{not json`, `{"format":2}`, `{"format":1,"version":{}}`, `{"version":"0"}`} {
		write(key, text)
		if got, err := board.Get(t.Context(), version.SlotCurrent); !errors.Is(err, version.ErrInvalid) || !got.Version.IsZero() {
			t.Errorf("%s is read as %s, %v; want %v", text, got.Version.Payload(), err, version.ErrInvalid)
		}
	}

	v, err := version.Parse([]byte(`{"version":"1","more":"<b>"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := board.Put(t.Context(), version.SlotCurrent, version.Logged{Version: v, At: at}); err != nil {
		t.Errorf("over a record that cannot be read: %v", err)
	}
	if entry, err := kv.Get(t.Context(), key); err != nil || string(entry.Value()) != golden {
		t.Errorf("written is %s, %v, want %s", entry.Value(), err, golden)
	}
}
