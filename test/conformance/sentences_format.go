package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/test/sseclient"
)

// formatSentences are of "Event formats on the stream".
var formatSentences = []sentence{
	{"named: event: <name> (left out when there is none), then one data: line per line of data, then a blank line", func(t *testing.T, g *gateway) {
		g.only(t, FormatNamed)
		x, _, token := g.raw(t)
		for _, c := range []struct{ name, data, want string }{
			{"task_event", `{"a":1}`, "event: task_event\ndata: {\"a\":1}\n\n"},
			{"", "text", "data: text\n\n"},
			{"lines", "one\ntwo\n\nfour", "event: lines\ndata: one\ndata: two\ndata: \ndata: four\n\n"},
			{"space", "  x: y ", "event: space\ndata:   x: y \n\n"},
		} {
			g.mustSend(t, token, c.name, c.data)
			x.mustSay(t, c.want)
		}
	}, false},
	{"line breaks of every kind survive, and forge nothing", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		if g.Format == FormatEnvelope {
			g.ours(t) // others write the payload as it came, on one line
			g.mustSend(t, s.token, "json", "{\r\n\"a\":\r1,\n\"b\":\"\\n\"}")
			s.mustGet(t, message{name: "json", data: `{"a":1,"b":"\n"}`})
			return
		}
		for _, data := range []string{"a\r\nb\n\nc", "a\rid: 1\rdata: b", "\nevent: x\n", "a\n\ndata: b\n\n", "\r\n"} {
			g.mustSend(t, s.token, "lines", data)
		}
		s.mustGet(t, message{name: "lines", data: "a\nb\n\nc"}, message{name: "lines", data: "a\nid: 1\ndata: b"},
			message{name: "lines", data: "\nevent: x\n"}, message{name: "lines", data: "a\n\ndata: b\n\n"}, message{name: "lines", data: "\n"})
	}, false},
	{"data is text in UTF-8, of any length, also none", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		want := []message{{data: ""}, {data: "\u00e4\u20ac\U0001f600\u2028"}, {data: strings.Repeat("0123456789", 6000)}}
		for _, m := range want {
			g.mustSend(t, s.token, m.name, m.data)
		}
		s.mustGet(t, want...)
	}, false},
	{`envelope: named application events become unnamed ones, data: {"type":"<name>","payload":<data>}`, func(t *testing.T, g *gateway) {
		g.only(t, FormatEnvelope)
		x, _, token := g.raw(t)
		g.mustSend(t, token, "task_event", `{"a":1}`)
		x.mustSay(t, "data: {\"type\":\"task_event\",\"payload\":{\"a\":1}}\n\n")
		s := g.stream(t)
		g.mustSend(t, s.token, `quo"ted`, `[1,"x"]`)
		s.mustGet(t, message{name: `quo"ted`, data: `[1,"x"]`})
		if e := s.Events()[len(s.Events())-1]; e.Name != "message" {
			t.Errorf("the event is named %q", e.Name)
		}
	}, false},
	{"and a control event event: ready with an empty data: line opens the stream once it is ready", func(t *testing.T, g *gateway) {
		g.only(t, FormatEnvelope)
		s := g.streamOf(t, g.backend.planned(func(w http.ResponseWriter, r *http.Request, c callback) {
			g.push(t, push{"token": c.Token, "event": event("early", "1")})
			accept(w, r, c)
		}))
		s.mustGet(t, message{name: "early", data: "1"})
		if first := s.Events()[0]; first != (sseclient.Event{Name: "ready"}) {
			t.Errorf("the stream opens with %+v", first)
		}
	}, false},
	{"A callback's 400, 401 or 403 does not become the stream's status there: the stream opens with 200, " +
		`event: rejected with {"status","message"}, and ends`, func(t *testing.T, g *gateway) {
		g.only(t, FormatEnvelope)
		for _, code := range []int{400, 401, 403} {
			s := g.streamOf(t, g.backend.planned(status(code, "")))
			s.mustEnd(t)
			events := slices.DeleteFunc(s.Events(), func(e sseclient.Event) bool { return e.Name == "ready" })
			if len(events) != 1 || events[0].Name != "rejected" || !sameJSON(events[0].Data, fmt.Sprintf(`{"status":%d,"message":%q}`, code, rejection(events[0]))) {
				t.Errorf("%d: the stream got %+v", code, events)
			}
		}
	}, false},
	{"Control events (ready, rejected and, as an extension, replaced, stream_reset, ping) stay named", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		var want []message
		for _, name := range []string{"replaced", "stream_reset", "ping"} {
			g.mustSend(t, s.token, name, `{"a":1}`)
			want = append(want, message{name: name, data: `{"a":1}`})
		}
		s.mustGet(t, want...)
		for _, e := range s.Events() {
			if e.Name == "message" && (g.Format == FormatNamed || g.extended()) {
				t.Errorf("%+v", e)
			}
		}
	}, false},
	{"Heartbeat: the comment : heartbeat and a blank line, default every 15 s", func(t *testing.T, g *gateway) {
		g.needsHeartbeat(t)
		x, _, _ := g.raw(t)
		for range 2 {
			x.mustSay(t, ": heartbeat\n\n")
		}
	}, false},
	{"on idle streams", func(t *testing.T, g *gateway) {
		g.needsHeartbeat(t)
		s := g.stream(t)
		for range 5 { // until the machine leaves us in peace for long enough
			busy, idle := g.keepBusy(t, s, 2*g.Heartbeat)
			if busy && idle > 0 {
				t.Fatalf("a busy stream got %d comments", idle)
			} else if busy {
				return
			}
		}
		t.Skip("the machine is too slow to keep a stream busy")
	}, false},
}

// only skips the test in another format.
func (g *gateway) only(t *testing.T, f Format) {
	t.Helper()
	if g.Format != f {
		t.Skipf("this gateway writes the format %q", g.Format)
	}
}

func (g *gateway) needsHeartbeat(t *testing.T) {
	t.Helper()
	if g.Heartbeat == 0 {
		t.Skip("the heartbeat's interval is not known")
	}
}

// rejection returns the message of a rejected event.
func rejection(e sseclient.Event) string {
	m, _, _ := strings.Cut(e.Data[strings.LastIndex(e.Data, `"message":"`)+len(`"message":"`):], `"`)
	return m
}

// comments counts those of a stream so far.
func (s *stream) comments() (n int) {
	for _, item := range s.Items() {
		if item.Kind == sseclient.KindComment {
			n++
		}
	}
	return n
}

// keepBusy pushes for a while. It reports whether no pause came near the
// heartbeat's interval, and how many comments the stream got.
func (g *gateway) keepBusy(t *testing.T, s *stream, span time.Duration) (busy bool, comments int) {
	t.Helper()
	tick := time.NewTicker(g.Heartbeat / 10)
	defer tick.Stop()
	s.mustPass(t)
	before, begin, last := s.comments(), time.Now(), time.Now()
	for busy = true; time.Since(begin) < span; last = time.Now() {
		<-tick.C
		g.mustSend(t, s.token, "", "1")
		busy = busy && time.Since(last) < g.Heartbeat/2
	}
	s.mustPass(t)
	return busy && time.Since(last) < g.Heartbeat/2, s.comments() - before
}

// mustPass sends an event through the stream.
func (s *stream) mustPass(t *testing.T) {
	t.Helper()
	before := len(s.Events())
	s.gateway.mustSend(t, s.token, "pass", "1")
	eventually(t, "an event passes", func() bool {
		events := s.Events()
		return slices.ContainsFunc(events[before:], func(e sseclient.Event) bool { return s.gateway.read(e).name == "pass" })
	})
}
