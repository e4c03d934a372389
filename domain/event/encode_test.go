package event_test

import (
	"encoding/json"
	"testing"

	"heliograph/domain/event"
)

func FuzzWrittenIsWhatTheEncoderWrites(f *testing.F) { // E8
	for _, text := range []string{`""`, `{"a":"b\\\""}`, `"<&>"`, "[\"é\u2028\u2029\",\n\r\t1]", "\"\xff\xc3\"", "\"\xe2\x80\"", `"😀"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) { // a raw control character takes six bytes, but is not JSON
			return
		}
		written, err := event.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := event.Written(json.RawMessage(text)); got != len(written) {
			t.Errorf("%q: %d bytes, want %d", text, got, len(written))
		}
	})
}

func TestMarshalLeavesHTMLAlone(t *testing.T) { // E8
	const want = `{"a":"<b>&"}`
	for _, v := range []any{map[string]string{"a": "<b>&"}, json.RawMessage(want)} {
		if got, err := event.Marshal(v); err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
	if _, err := event.Marshal(func() {}); err == nil {
		t.Error("a function was encoded")
	}
}
