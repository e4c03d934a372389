package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
)

func FuzzADecodedEventIsTheOneThatWasEncoded(f *testing.F) { // W5
	f.Add("note", `{"a":1}`, true)
	f.Add("a: b", "[1,\r\n2,\r3,\n\n4]", false)
	f.Add("data: x", `"data: \u2028"`, true)
	f.Fuzz(func(t *testing.T, name, data string, withID bool) {
		ev := event.Event{Service: event.ServiceTask, Name: name, Data: []byte(data)}
		if ev.Validate() != nil {
			return
		}
		for _, format := range []wire.Format{wire.FormatNamed, wire.FormatEnvelope} {
			var frame []byte
			if withID {
				frame = wire.AppendID(frame, event.ID{Epoch: "e", Seq: 7})
			}
			gotName, got := format.DecodeEvent(format.AppendEvent(frame, ev))
			var want, is bytes.Buffer
			if err := json.Compact(&want, ev.Data); err != nil {
				t.Fatal(err)
			}
			if err := json.Compact(&is, got); err != nil || gotName != name || is.String() != want.String() {
				t.Errorf("%s: %q %q became %q %q, %v", format, name, data, gotName, got, err)
			}
		}
	})
}
