package ssegateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/engine/ssegateway"
	"heliograph/domain/event"
	"heliograph/test/sseclient"
)

func TestFramesOfBothFormats(t *testing.T) { // gateway-protocol: event formats
	t.Parallel()
	for _, c := range []struct {
		r               wire.Raw
		named, envelope string
	}{
		{raw("", "", ""), "data: \n\n", "data: \n\n"},
		{raw("", "", "a\nb"), "data: a\ndata: b\n\n", "data: a\ndata: b\n\n"},
		{raw("", "", "a\rb\r\nc"), "data: a\ndata: b\ndata: c\n\n", "data: a\ndata: b\ndata: c\n\n"},
		{raw("", "n", `{"a":1}`), "event: n\ndata: {\"a\":1}\n\n", "data: {\"type\":\"n\",\"payload\":{\"a\":1}}\n\n"},
		{raw("e-1", "n", "1"), "id: e-1\nevent: n\ndata: 1\n\n", "id: e-1\ndata: {\"type\":\"n\",\"payload\":1}\n\n"},
		{raw("", "n", "a\nb"), "event: n\ndata: a\ndata: b\n\n", "data: {\"type\":\"n\",\"payload\":\"a\\nb\"}\n\n"},
		{raw("", "n", "[1,\n2]"), "event: n\ndata: [1,\ndata: 2]\n\n", "data: {\"type\":\"n\",\"payload\":[1,\ndata: 2]}\n\n"},
		{raw("", "n", ""), "event: n\ndata: \n\n", "data: {\"type\":\"n\",\"payload\":\"\"}\n\n"},
		{raw("", "ping", "{}"), "event: ping\ndata: {}\n\n", "event: ping\ndata: {}\n\n"},
		{raw("e-1", "stream_reset", "{}"), "id: e-1\nevent: stream_reset\ndata: {}\n\n", "id: e-1\nevent: stream_reset\ndata: {}\n\n"},
	} {
		for format, want := range map[wire.Format]string{wire.FormatNamed: c.named, wire.FormatEnvelope: c.envelope} {
			g := ssegateway.New(sse.New(sse.Config{Format: format, HistoryBytes: 1 << 16}, unmeasured{}))
			f, err := g.Frame(c.r)
			if got := string(ssegateway.FrameBytes(f)); err != nil || got != want {
				t.Errorf("%s %+v: %q, %v; want %q", format, c.r, got, err, want)
			}
		}
	}
}

func TestFrameThatWouldBreakItsLineIsInvalid(t *testing.T) {
	t.Parallel()
	g := ssegateway.New(sse.New(sse.Config{HistoryBytes: 1 << 16}, unmeasured{}))
	for _, r := range []wire.Raw{
		raw("a\nb", "", ""), raw("a\rb", "", ""), raw("a\x00b", "", ""), raw("", "a\nb", ""), raw("", "a\rb", ""), raw("", "a\x00b", ""),
	} {
		if _, err := g.Frame(r); !errors.Is(err, event.ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", r, err)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add("e-1", "n", "a\r\n\nb\r")
	f.Add("", "", ":\ndata")
	f.Add("", "ping", `{"a":"\n"}`)
	f.Fuzz(func(t *testing.T, id, name, data string) {
		for _, format := range []wire.Format{wire.FormatNamed, wire.FormatEnvelope} {
			r := wire.Raw{ID: id, Name: strings.ToValidUTF8(name, "?"), Data: strings.ToValidUTF8(data, "?")}
			g := ssegateway.New(sse.New(sse.Config{Format: format, HistoryBytes: 1 << 16}, unmeasured{}))
			frame, err := g.Frame(r)
			if err != nil {
				return
			}
			d := sseclient.NewDecoder(bytes.NewReader(ssegateway.FrameBytes(frame)), "")
			item, err := d.Next()
			if err != nil {
				t.Fatalf("%s %+v: %v", format, r, err)
			}
			checkItem(t, format, r, item.Event)
			if _, err := d.Next(); err == nil {
				t.Errorf("%s %+v: there is more than one event", format, r)
			}
		}
	})
}

// checkItem compares what a client got with what the backend said.
func checkItem(t *testing.T, format wire.Format, r wire.Raw, got sseclient.Event) {
	t.Helper()
	name, data := got.Name, got.Data
	if format == wire.FormatEnvelope && name == "message" && r.Name != "" && r.Name != "message" {
		var envelope struct {
			Type    string
			Payload json.RawMessage
		}
		if err := json.Unmarshal([]byte(data), &envelope); err != nil {
			t.Fatalf("%+v: %q: %v", r, data, err)
		}
		name, data = envelope.Type, string(envelope.Payload)
		if !json.Valid([]byte(r.Data)) {
			_ = json.Unmarshal(envelope.Payload, &data)
			if data != r.Data {
				t.Errorf("%+v: the payload is %q", r, data)
			}
		}
	}
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	if format == wire.FormatNamed && data != lines.Replace(r.Data) {
		t.Errorf("%+v: the data is %q", r, data)
	}
	if want := r.Name; want != "" && name != want && format == wire.FormatNamed {
		t.Errorf("%+v: the name is %q", r, name)
	}
}
