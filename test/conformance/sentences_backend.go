package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// backendSentences are those that a backend can keep or break.
var backendSentences = []struct {
	text  string
	prove func(t *testing.T, b *backendUnderTest)
}{
	{"2xx accepts the stream, within 5 s", func(t *testing.T, b *backendUnderTest) { b.open(t, nil) }},
	{"Anything else rejects it", func(t *testing.T, b *backendUnderTest) {
		if b.Rejected == "" {
			t.Skip("no target is known that the backend rejects")
		}
		body := b.connect(newKey(), map[string]any{"request": map[string]any{"url": b.Rejected, "headers": map[string]any{}}})
		if got := b.post(t, body); got.status/100 == 2 {
			t.Errorf("%s is answered with %d", b.Rejected, got.status)
		}
	}},
	{"The body of a 2xx is optional; ours is {}", func(t *testing.T, b *backendUnderTest) {
		if got := b.mustAccept(t, b.connect(newKey(), nil)); len(got.body) > 0 && !sameJSON(string(got.body), "{}") {
			t.Logf("the body is %.300s", got.body)
		}
	}},
	{"reason: treat unknown ones as text", func(t *testing.T, b *backendUnderTest) {
		for _, reason := range []string{"client_closed", "server_closed", "error", "by aliens", ""} {
			body := b.connect(newKey(), nil)
			b.mustAccept(t, body)
			body["action"], body["reason"] = "disconnect", reason
			b.mustAccept(t, body)
		}
	}},
	{"a value is a string or a list of strings", func(t *testing.T, b *backendUnderTest) {
		b.open(t, map[string]any{"host": "gateway.test", "cookie": "a=b", "x-multi": []string{"a", "b"}, "x-none": []string{}, "x-empty": ""})
	}},
	{"Unknown fields are ignored", func(t *testing.T, b *backendUnderTest) {
		key := newKey()
		b.mustAccept(t, b.connect(key, map[string]any{
			"version": 2, "gateway": map[string]any{"name": "x"}, "reason": nil,
			"request": map[string]any{"url": fmt.Sprintf(b.Accepted, key), "headers": map[string]any{}, "method": "GET", "remote": []int{1}},
		}))
	}},
	{"The URL is the raw request target: path and query", func(t *testing.T, b *backendUnderTest) {
		for _, more := range []string{"&bad=%zz", "&q=a?b/c:d@e", `&"<>|^{}`, "&u=\u00e4", "&plus=+&space=%20", strings.Repeat("&long=value", 300)} {
			key := newKey()
			request := map[string]any{"url": fmt.Sprintf(b.Accepted, key) + more, "headers": map[string]any{}}
			b.mustAccept(t, b.connect(key, map[string]any{"request": request}))
		}
	}},
	{"A token is pushed to from the connect callback on", func(t *testing.T, b *backendUnderTest) {
		one, other := b.open(t, nil), b.open(t, nil)
		text := b.announce(t)
		b.mustReach(t, one, text)
		b.mustReach(t, other, text)
	}},
	{"404 TOKEN_NOT_FOUND costs no other stream its event", func(t *testing.T, b *backendUnderTest) {
		lost, good := b.open(t, nil), b.open(t, nil)
		b.mustReach(t, lost, b.announce(t))
		b.gateway.lose(lost)
		for range 3 {
			b.mustReach(t, good, b.announce(t))
		}
	}},
	{"The HTTP sender uses what is announced", func(t *testing.T, b *backendUnderTest) {
		token := b.open(t, nil)
		b.announce(t)
		eventually(t, "a broadcast with an event id", func() bool {
			b.mustReach(t, token, b.announce(t)) // it may take a while to hear of the capabilities
			return slices.ContainsFunc(b.gateway.delivered(token), func(d delivery) bool { return d.broadcast && d.id != "" })
		})
	}},
	{"The service then sends that token what it missed, in order and before anything live", resumes},
	{"and does without what is not, also when the gateway is exchanged for one without it while the service runs", func(t *testing.T, b *backendUnderTest) {
		tokens := []string{b.open(t, nil), b.open(t, nil)}
		b.mustReach(t, tokens[0], b.announce(t))
		b.gateway.exchange("event-id")
		text := b.announce(t)
		for _, token := range tokens {
			b.mustReach(t, token, text)
			if n := count(b.gateway.delivered(token), text); n != 1 {
				t.Errorf("the event came %d times", n)
			}
		}
	}},
}

// resumes has a client come back with the ID of an event that was not the last.
func resumes(t *testing.T, b *backendUnderTest) {
	if !b.Resumes {
		t.Skip("the backend does not keep what a client misses")
	}
	watch := b.open(t, nil)
	first, second, third := b.announce(t), b.announce(t), b.announce(t)
	b.mustReach(t, watch, third)
	all := b.gateway.delivered(watch)
	from := all[slices.IndexFunc(all, func(d delivery) bool { return strings.Contains(d.data, first) })].id
	back := b.open(t, map[string]any{"last-event-id": from})
	got := slices.DeleteFunc(b.gateway.delivered(back), func(d delivery) bool { return !d.early })
	if len(got) < 2 || !strings.Contains(got[0].data, second) || !strings.Contains(got[1].data, third) {
		t.Errorf("before its callback was answered the token got %+v, want the events with %s and %s", got, second, third)
	}
	live := b.announce(t)
	b.mustReach(t, back, live)
	if n := count(b.gateway.delivered(back), first); n != 0 {
		t.Errorf("the client gets again what it has")
	}
}

func count(all []delivery, text string) (n int) {
	for _, d := range all {
		if strings.Contains(d.data, text) {
			n++
		}
	}
	return n
}
