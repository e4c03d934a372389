package bootstrap_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heliograph/domain/access"
	"heliograph/test/natsserver"
	"heliograph/test/sseclient"
)

// publish posts an event with a key, "" for none, and a credential, "" for none.
func (s service) publish(t *testing.T, credential, key, content string) (status int, answer publication) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/events", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	status, body := do(t, req)
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// publication is the answer to an event.
type publication struct {
	ID        *string
	Delivered bool
	Error     struct {
		Code    string
		Details struct{ Scope string }
	}
}

// accept is publish that must succeed.
func (s service) accept(t *testing.T, credential, key, content string) publication {
	t.Helper()
	status, answer := s.publish(t, credential, key, content)
	if status != http.StatusAccepted {
		t.Fatalf("%s: %d %+v", content, status, answer)
	}
	return answer
}

// named returns the data of the events of a name on a stream, and the IDs that it has
// shown.
func named(stream *sseclient.Stream, name string) (data, ids []string) {
	for _, e := range stream.Events() {
		if e.Name == name {
			data, ids = append(data, e.Data), append(ids, e.ID)
		}
	}
	return data, ids
}

func TestEventsReachTheStreamsOfEveryNodeInOrder(t *testing.T) { // E11, E1, E7
	url := natsserver.Start(t).URL()
	one, two := node(t, url, "one"), node(t, url, "two")
	_, here := one.stream(t, "here", "")
	_, there := two.stream(t, "there", "")
	for _, stream := range []*sseclient.Stream{here, there} {
		wait(t, stream, "task_snapshot", "")
	}
	first := one.accept(t, "", "", `{"name":"order.changed","data":{"id": 1}}`)
	again := two.accept(t, "", "key", `{"name":"order.changed","data":{"id":2}}`)
	if repeated := one.accept(t, "", "key", `{"name":"order.changed","data":{"id":3}}`); *repeated.ID != *again.ID || !repeated.Delivered {
		t.Errorf("with the same key at another node the answer is %+v, was %+v", repeated, again)
	}
	for _, s := range []service{one, two} { // whichever node is asked
		for _, key := range []string{"", "private", "private"} {
			if private := s.accept(t, "", key, `{"name":"hint","data":"for you","request_id":"there"}`); private.ID != nil || !private.Delivered {
				t.Errorf("the answer to a private event is %+v", private)
			}
		}
		if lost := s.accept(t, "", "", `{"name":"hint","data":1,"request_id":"nobody"}`); lost.ID != nil || lost.Delivered {
			t.Errorf("the answer to an event for nobody is %+v", lost)
		}
	}
	some := two.accept(t, "", "", `{"name":"order.changed","data":4,"audience":{"request_ids":["here"]}}`)
	last := one.accept(t, "", "", `{"name":"last","data":null}`)
	for stream, want := range map[*sseclient.Stream]string{here: `{"id":1} {"id":2} 4`, there: `{"id":1} {"id":2}`} {
		wait(t, stream, "last", "null")
		data, ids := named(stream, "order.changed")
		_, lastID := named(stream, "last")
		if got := strings.Join(data, " "); got != want || ids[0] != *first.ID || ids[1] != *again.ID || lastID[0] != *last.ID {
			t.Errorf("a stream got %s under %v, want %s", got, ids, want)
		}
		if stream == here && ids[2] != *some.ID {
			t.Errorf("what is for some has the ID %s, want %s", ids[2], *some.ID)
		}
	}
	if hints, _ := named(there, "hint"); len(hints) != 3 { // one of each node, and one with the key
		t.Errorf("the private events are %v", hints)
	}
	if hints, _ := named(here, "hint"); len(hints) != 0 {
		t.Errorf("another stream got %v", hints)
	}
	_, metrics := get(t, two.url+"/metrics")
	if !strings.Contains(metrics, `sse_gateway_events_sent_total{service="app",status="success"} 6`) { // 3 log events and 3 private ones
		t.Errorf("the metrics lack them: %s", metrics)
	}
	for _, s := range []service{one, two} {
		s.end(t)
	}
}

func TestEventsAreReplayedAndPrivateOnesAreNot(t *testing.T) { // E11, G2
	for name, environ := range map[string]map[string]string{"memory": {}, "durable": durable(t)} {
		t.Run(name, func(t *testing.T) {
			s := start(t, environ)
			first := s.accept(t, "", "", `{"name":"note","data":1}`)
			_, stream := s.stream(t, "me", *first.ID)
			wait(t, stream, "task_snapshot", "")
			s.accept(t, "", "", `{"name":"note","data":"private","request_id":"me"}`)
			s.accept(t, "", "key", `{"name":"note","data":2,"audience":{"request_ids":["me"]}}`)
			s.accept(t, "", "", `{"name":"note","data":3,"audience":{"request_ids":["other"]}}`)
			s.accept(t, "", "", `{"name":"last","data":4}`)
			wait(t, stream, "last", "4")
			if data, _ := named(stream, "note"); strings.Join(slices.Sorted(slices.Values(data)), " ") != `"private" 2` {
				t.Errorf("live it got %v", data)
			}
			stream.Close()
			if name == "durable" {
				s.end(t)
				s = start(t, environ)
				s.accept(t, "", "key", `{"name":"note","data":2}`) // a key survives
			}
			_, stream = s.stream(t, "me", *first.ID)
			wait(t, stream, "last", "4")
			if data, _ := named(stream, "note"); strings.Join(data, " ") != `2` {
				t.Errorf("replayed were %v", data)
			}
			stream.Close()
			s.end(t)
		})
	}
}

func TestEventsInTheEnvelopeFormat(t *testing.T) { // E11
	s := start(t, map[string]string{"SSE_EVENT_FORMAT": "envelope"})
	_, stream := s.stream(t, "me", "")
	answer := s.accept(t, "", "", `{"name":"note","data":[1]}`)
	item, err := stream.Wait(t.Context(), func(i sseclient.Item) bool { return i.Event.ID == *answer.ID && strings.Contains(i.Event.Data, "note") })
	if err != nil || item.Event.Data != `{"type":"note","payload":[1]}` {
		t.Errorf("%+v, %v", item.Event, err)
	}
	stream.Close()
	s.end(t)
}

func TestWhoMayPublishWhat(t *testing.T) { // E11, A8, A9, A12
	environ := map[string]string{
		"AUTH": "required", "AUTH_JWT_KEY": jwtKey, "FRONTEND_VERSION_FILE": filepath.Join(t.TempDir(), "none.json"),
	}
	s := start(t, environ)
	streams := map[string]*sseclient.Stream{}
	for _, subject := range []string{"ann", "bob"} {
		client := sseclient.New(s.url + "/api/sse/stream?request_id=" + subject + "-1")
		client.SetHeader("Authorization", "Bearer "+mint(t, environ, subject, access.Stream))
		stream, err := client.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stream.Close)
		streams[subject] = stream
	}
	own := mint(t, environ, "ann", access.EventsSend)
	all := mint(t, environ, "backend", access.EventsSend, access.AudienceAny)
	other := mint(t, environ, "ann", access.AudienceAny)
	for _, c := range []struct {
		credential, content, missing string
	}{
		{other, `{"name":"note","data":0}`, "events:publish"},
		{own, `{"name":"note","data":0}`, "audience"},
		{own, `{"name":"note","data":0,"audience":"everyone"}`, "audience"},
		{own, `{"name":"note","data":0,"audience":{"subjects":["bob"]}}`, "audience"},
		{own, `{"name":"note","data":0,"request_id":"ann-1"}`, "audience"},
	} {
		if status, answer := s.publish(t, c.credential, "", c.content); status != http.StatusForbidden || answer.Error.Details.Scope != c.missing {
			t.Errorf("%s: %d %+v, want that %s is missing", c.content, status, answer, c.missing)
		}
	}
	if status, answer := s.publish(t, "", "", `{"name":"note","data":0}`); status != http.StatusUnauthorized || answer.Error.Code != "UNAUTHORIZED" {
		t.Errorf("without a credential: %d %+v", status, answer)
	}
	s.accept(t, own, "key", `{"name":"note","data":"own","audience":{"subjects":["ann"]}}`)
	s.accept(t, all, "key", `{"name":"note","data":"bob's","audience":{"subjects":["bob"]}}`) // another's key
	s.accept(t, all, "", `{"name":"note","data":"private","request_id":"bob-1"}`)
	s.accept(t, all, "", `{"name":"note","data":"everyone"}`)
	for subject, want := range map[string]string{"ann": `"everyone" "own"`, "bob": `"bob's" "everyone" "private"`} {
		wait(t, streams[subject], "note", "everyone")
		wait(t, streams[subject], "note", strings.Trim(strings.Fields(want)[len(strings.Fields(want))-1], `"`))
		if data, _ := named(streams[subject], "note"); strings.Join(slices.Sorted(slices.Values(data)), " ") != want {
			t.Errorf("%s got %v, want %s", subject, data, want)
		}
		streams[subject].Close()
	}
	s.end(t)
}
