package event_test

import (
	"errors"
	"strings"
	"testing"

	"heliograph/domain/event"
)

func TestEventIDReadsOnlyWhatItWrites(t *testing.T) { // G2
	t.Parallel()
	for _, id := range []event.ID{{Epoch: "a", Seq: 0}, {Epoch: "k3v9", Seq: 1}, {Epoch: event.NewEpoch([10]byte{255, 1}), Seq: 1<<64 - 1}} {
		if got, err := event.ParseID(id.String()); err != nil || got != id {
			t.Errorf("%v: read %v, %v", id, got, err)
		}
	}
	for _, text := range []string{
		"", "-", "a", "a-", "-1", "a-01", "a-+1", "a--1", "a-1-2", "a-1 ", " a-1", "A-1", "a-1\n", "ü-1", "a-x",
		"a-18446744073709551616", strings.Repeat("a", 64) + "-1",
	} {
		if got, err := event.ParseID(text); !errors.Is(err, event.ErrInvalidID) || !got.IsZero() {
			t.Errorf("%q: read %v, %v; want ErrInvalidID", text, got, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("abc-12")
	f.Add("a-00")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := event.ParseID(text)
		if err == nil && id.String() != text {
			t.Errorf("%q was read as %v", text, id)
		}
		if err != nil && !errors.Is(err, event.ErrInvalidID) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestEpochsOfDifferentBytesDiffer(t *testing.T) {
	t.Parallel()
	if a, b := event.NewEpoch([10]byte{1}), event.NewEpoch([10]byte{2}); a == b || len(a) != 16 {
		t.Errorf("epochs %q and %q", a, b)
	}
}

func TestEventThatCannotBeWrittenIsInvalid(t *testing.T) { // E1
	t.Parallel()
	for name, ev := range map[string]event.Event{
		"no name":       {Data: []byte(`1`)},
		"line feed":     {Name: "a\nb", Data: []byte(`1`)},
		"return":        {Name: "a\rb", Data: []byte(`1`)},
		"NUL":           {Name: "a\x00b", Data: []byte(`1`)},
		"no payload":    {Name: "a"},
		"not JSON":      {Name: "a", Data: []byte(`{a}`)},
		"JSON and more": {Name: "a", Data: []byte(`1 2`)},
		"Latin-1":       {Name: "a", Data: []byte("\"caf\xe9\"")},
		"a name in it":  {Name: "caf\xe9", Data: []byte(`1`)},
	} {
		if err := ev.Validate(); !errors.Is(err, event.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if err := (event.Event{Name: "a b:c", Data: []byte(` {"x": [1]} `)}).Validate(); err != nil {
		t.Errorf("a valid event: %v", err)
	}
}
