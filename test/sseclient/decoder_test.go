package sseclient_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/test/sseclient"
)

func event(id, name, data string) sseclient.Item {
	return sseclient.Item{Kind: sseclient.KindEvent, Event: sseclient.Event{ID: id, Name: name, Data: data}}
}

func comment(text string) sseclient.Item {
	return sseclient.Item{Kind: sseclient.KindComment, Comment: text}
}

func retry(d time.Duration) sseclient.Item {
	return sseclient.Item{Kind: sseclient.KindRetry, Retry: d}
}

// record is all that a decoder says of a stream.
type record struct {
	Items      []sseclient.Item
	LastID     string
	Violations []string
	Err        error
}

func decode(r io.Reader, lastID string) record {
	d := sseclient.NewDecoder(r, lastID)
	var rec record
	for rec.Err == nil {
		var item sseclient.Item
		if item, rec.Err = d.Next(); rec.Err == nil {
			rec.Items = append(rec.Items, item)
		}
	}
	rec.LastID, rec.Violations = d.LastID(), d.Violations()
	return rec
}

// The examples of the HTML standard, section 9.2.6, are among these.
func TestDecoderReadsWhatTheStandardSays(t *testing.T) {
	t.Parallel()
	type items = []sseclient.Item
	cases := []struct {
		name, stream string
		want         record
	}{
		{"nothing at all", "", record{}},
		{"lines of data are joined", "data: YHOO\ndata: +2\ndata: 10\n\n", record{Items: items{event("", "message", "YHOO\n+2\n10")}}},
		{
			"an id is set, kept, and reset by an empty one", ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
			record{Items: items{comment("test stream"), event("1", "message", "first event"), event("", "message", "second event"), event("", "message", " third event")}},
		},
		{"one space after the colon is dropped, no more", "data:test\n\ndata: test\n\n", record{Items: items{event("", "message", "test"), event("", "message", "test")}}},
		{
			"data without a value is an empty line, and the end drops what is incomplete", "data\n\ndata\ndata\n\ndata:",
			record{Items: items{event("", "message", ""), event("", "message", "\n")}, Err: io.ErrUnexpectedEOF},
		},
		{"CR and CRLF end lines too", "event: a\rdata: 1\r\rdata: 2\r\n\r\n", record{Items: items{event("", "a", "1"), event("", "message", "2")}}},
		{"a byte order mark is dropped once", "\ufeffdata: \ufeffx\n\n", record{Items: items{event("", "message", "\ufeffx")}}},
		{"a name does not outlive its event", "event: a\ndata: 1\n\ndata: 2\n\n", record{Items: items{event("", "a", "1"), event("", "message", "2")}}},
		{"an id counts without data", "id: 7\n\n", record{LastID: "7"}},
		{"an id does not count before the blank line", "id: 7\n", record{Err: io.ErrUnexpectedEOF}},
		{"the same id is an own one again", "id: 7\ndata: 1\n\nid: 7\ndata: 2\n\n", record{Items: items{event("7", "message", "1"), event("7", "message", "2")}, LastID: "7"}},
		{"a retry counts at once", "retry: 1500\n", record{Items: items{retry(1500 * time.Millisecond)}}},
		{"a heartbeat is a comment", ": heartbeat\n\n", record{Items: items{comment("heartbeat")}}},

		{"violation: an id with NUL is ignored", "id: a\x00\ndata: 1\n\n", record{Items: items{event("", "message", "1")}, Violations: []string{`id with NUL: "a\x00"`}}},
		{"violation: an unknown field is ignored", "datum: 1\n\n", record{Violations: []string{`unknown field: "datum"`}}},
		{"violation: a name without data is dropped", "event: a\n\n", record{Violations: []string{`event without data: "a"`}}},
		{"violation: a retry must be digits", "retry: +5\nretry: 5s\n", record{Violations: []string{
			`retry that is no number of milliseconds: "+5"`, `retry that is no number of milliseconds: "5s"`,
		}}},
		{"violation: bytes that are no UTF-8 are replaced", "data: \xff\n\n", record{Items: items{event("", "message", "\ufffd")}, Violations: []string{`invalid UTF-8: "data: \xff"`}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.want.Err == nil {
				c.want.Err = io.EOF
			}
			if diff := cmp.Diff(c.want, decode(strings.NewReader(c.stream), ""), sameError); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

var sameError = cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || errors.Is(b, a) })

func TestDecoderKeepsTheIDOfTheStreamBefore(t *testing.T) {
	t.Parallel()
	if got := decode(strings.NewReader("data: 1\n\n"), "e-4").LastID; got != "e-4" {
		t.Errorf("last ID %q, want e-4", got)
	}
}

// An item must not wait for what comes after it: a live stream says no more for
// a while.
func TestDecoderReturnsAnEventAtItsLastByte(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r"} {
		stream := "data: 1" + end + end
		broken := errors.New("nothing may be read after the event")
		d := sseclient.NewDecoder(io.MultiReader(strings.NewReader(stream), iotest.ErrReader(broken)), "")
		if item, err := d.Next(); err != nil || item != event("", "message", "1") {
			t.Errorf("%q: got %+v, %v", stream, item, err)
		}
	}
}

// FuzzDecoder holds the decoder, fed byte by byte, against one that has the
// whole stream and splits it.
func FuzzDecoder(f *testing.F) {
	for _, s := range []string{
		"data: 1\r\n\r\nid: 5\rdata\r\r", "\ufeff: c\nretry: 10\n\n", "event: x\ndata:  y\nid: a\x00\n\n", "data: \xff\xfe\n\n\n", "id\n:\ndata",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stream string) {
		got := decode(iotest.OneByteReader(strings.NewReader(stream)), "before")
		if diff := cmp.Diff(decode(strings.NewReader(stream), "before"), got, sameError); diff != "" {
			t.Errorf("reading byte by byte changes the outcome: -whole +bytes\n%s", diff)
		}
		items, lastID := reference(stream, "before")
		if diff := cmp.Diff(items, got.Items); diff != "" {
			t.Errorf("-reference +decoder\n%s", diff)
		}
		if got.LastID != lastID {
			t.Errorf("last ID %q, the reference says %q", got.LastID, lastID)
		}
	})
}

// reference is the standard's algorithm, for a stream that is there whole.
func reference(stream, lastID string) (items []sseclient.Item, _ string) {
	stream = strings.TrimPrefix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream), "\ufeff")
	lines := strings.Split(stream, "\n")
	var data strings.Builder
	name, id, idSet := "", "", false
	for _, line := range lines[:len(lines)-1] { // what follows the last line end is no line
		line = strings.ToValidUTF8(line, "\ufffd")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if idSet {
				lastID = id
			}
			if data.Len() > 0 {
				if name == "" {
					name = "message"
				}
				items = append(items, event(id, name, strings.TrimSuffix(data.String(), "\n")))
			}
			data.Reset()
			name, id, idSet = "", "", false
		case field == "":
			items = append(items, comment(value))
		case field == "data":
			data.WriteString(value + "\n")
		case field == "event":
			name = value
		case field == "id" && !strings.Contains(value, "\x00"):
			id, idSet = value, true
		case field == "retry" && value != "" && strings.Trim(value, "0123456789") == "":
			if d, err := time.ParseDuration(value + "ms"); err == nil && d < 1<<31*time.Millisecond {
				items = append(items, retry(d))
			}
		}
	}
	return items, lastID
}
