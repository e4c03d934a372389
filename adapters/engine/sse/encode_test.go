package sse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
	"heliograph/test/enginetest"
	"heliograph/test/sseclient"
)

// buffer is a sink that keeps everything.
type buffer struct {
	enginetest.Pipe
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { return b.Buffer.Write(p) }

// written returns what a stream gets of ev: as a log event, as a private one, and
// as its last one.
func written(t testing.TB, format wire.Format, ev event.Event) []byte {
	t.Helper()
	e := sse.New(sse.Config{Start: event.ID{Epoch: epoch}, HistoryBytes: 1 << 20, PrivateBytes: 16 << 20, Format: format, Shards: -1}, newTally())
	s, err := e.Attach("t", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Broadcast(event.Record{ID: event.ID{Epoch: epoch, Seq: 1}, Event: ev}); err != nil {
		t.Fatal(err)
	}
	if err := e.Send("t", ev); err != nil {
		t.Fatal(err)
	}
	if err := e.Close("t", event.Event{Name: stream.NameReplaced, Data: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	out := &buffer{Pipe: discard()}
	if reason := s.Serve(t.Context(), out); reason != connection.ReasonServerClosed {
		t.Fatalf("the st ended for %q", reason)
	}
	return out.Bytes()
}

func TestWireBytes(t *testing.T) { // gateway-protocol, "Event formats"
	t.Parallel()
	for name, c := range map[string]struct {
		format wire.Format
		data   string
		want   string
	}{
		"named": {
			wire.FormatNamed, `{"a":1}`,
			"id: e1-1\nevent: note\ndata: {\"a\":1}\n\n",
		},
		"named, line breaks of each kind": {
			wire.FormatNamed, "[1,\n2,\r3,\r\n4]",
			"id: e1-1\nevent: note\ndata: [1,\ndata: 2,\ndata: 3,\ndata: 4]\n\n",
		},
		"envelope": {
			wire.FormatEnvelope, `{"a":1}`,
			"id: e1-1\ndata: {\"type\":\"note\",\"payload\":{\"a\":1}}\n\n",
		},
		"envelope, line break": {
			wire.FormatEnvelope, "[1,\n2]",
			"id: e1-1\ndata: {\"type\":\"note\",\"payload\":[1,\ndata: 2]}\n\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ready := ""
			if c.format == wire.FormatEnvelope {
				ready = "event: ready\ndata:\n\n"
			}
			want := ready + c.want + c.want + "event: replaced\ndata: {}\n\n"
			ev := event.Event{Service: event.ServiceTask, Name: "note", Data: json.RawMessage(c.data)}
			if got := string(written(t, c.format, ev)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestRejectedFrame(t *testing.T) { // gateway-protocol, "Event formats"
	t.Parallel()
	want := "event: rejected\ndata: {\"status\":400,\"message\":\"no\\n\\\"id\\\"\"}\n\n"
	if got := string(wire.RejectedFrame(400, "no\n\"id\"")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzEncoder holds what is written against an independent parser of the
// event-stream format.
func FuzzEncoder(f *testing.F) {
	f.Add("note", `{"a":1}`)
	f.Add("na me: x", "[1,\r\n\n\r2]")
	f.Add("\ufeff", "\"\x00\u2028\"")
	f.Add("data", `"`+strings.Repeat("x", 1<<20)+`"`)
	f.Add("a\"\\\x01", " \n\n1\n\n ")
	f.Add("\xff", "\"\xff\"")
	f.Fuzz(func(t *testing.T, name, data string) {
		ev := event.Event{Service: event.ServiceTask, Name: name, Data: json.RawMessage(data)}
		if ev.Validate() != nil {
			return
		}
		for _, format := range []wire.Format{wire.FormatNamed, wire.FormatEnvelope} {
			check(t, format, ev, written(t, format, ev))
		}
	})
}

func check(t *testing.T, format wire.Format, ev event.Event, st []byte) {
	var got []sseclient.Event
	d := sseclient.NewDecoder(bytes.NewReader(st), "")
	for {
		item, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || item.Kind != sseclient.KindEvent {
			t.Fatalf("%s %+v: read %+v, %v", format, ev, item, err)
		}
		if item.Event.Name != stream.NameReady {
			got = append(got, item.Event)
		}
	}
	if len(got) != 3 || got[2].Name != stream.NameReplaced {
		t.Fatalf("%s %+v: read %+v, want it twice and then replaced", format, ev, got)
	}
	for _, e := range got[:2] {
		if e.ID != epoch+"-1" {
			t.Fatalf("%s %+v: ID %q", format, ev, e.ID)
		}
		checkPayload(t, format, ev, e)
	}
}

func checkPayload(t *testing.T, format wire.Format, ev event.Event, got sseclient.Event) {
	name, payload := got.Name, []byte(got.Data)
	if format == wire.FormatEnvelope {
		var envelope struct {
			Type    string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(payload, &envelope); err != nil {
			t.Fatalf("%+v: envelope %q: %v", ev, payload, err)
		}
		name, payload = envelope.Type, envelope.Payload
	}
	if want := strings.ToValidUTF8(ev.Name, "\ufffd"); strings.ToValidUTF8(name, "\ufffd") != want && format == wire.FormatNamed {
		t.Fatalf("name %q, want %q", name, want)
	}
	if got, want := value(t, payload), value(t, bytes.ToValidUTF8(ev.Data, []byte("\ufffd"))); !bytes.Equal(got, want) {
		t.Fatalf("payload %q, want %q", got, want)
	}
}

// value is a JSON text in its canonical form.
func value(t *testing.T, data []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("payload %q: %v", data, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
