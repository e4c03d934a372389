package natsbroker_test

import (
	"testing"

	"heliograph/adapters/engine/natsbroker"
)

func TestRecordsAreReadWithWhatALaterVersionHasAdded(t *testing.T) {
	type record struct {
		A int    `json:"a"`
		B string `json:"b,omitempty"`
	}
	known := natsbroker.FieldNames(record{})
	for text, want := range map[string]struct {
		record  record
		unknown string
		again   string
	}{
		`{"a":1}`:                         {record{A: 1}, "", `{"a":1}`},
		`{"a":1,"b":"<x>"}`:               {record{1, "<x>"}, "", `{"a":1,"b":"<x>"}`},
		` {"c":["<"],"a":1,"d":{"a":2}} `: {record{A: 1}, `{"c":["<"],"d":{"a":2}}`, `{"a":1,"c":["<"],"d":{"a":2}}`},
	} {
		var got record
		unknown, err := natsbroker.DecodeRecord([]byte(text), &got, known)
		if err != nil || got != want.record || string(unknown) != want.unknown {
			t.Errorf("%s is %+v and %s, %v", text, got, unknown, err)
		}
		if again, err := natsbroker.EncodeRecord(got, unknown); err != nil || string(again) != want.again {
			t.Errorf("written again it is %s, %v; want %s", again, err, want.again)
		}
	}
	for _, text := range []string{``, `{`, `[]`, `1`, `{"a":"1"}`, `{"a":1} x`, `{"a":1}}`} {
		var got record
		if _, err := natsbroker.DecodeRecord([]byte(text), &got, known); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
