package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPublishSendsWhatItsFlagsSay(t *testing.T) { // E11
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Idempotency-Key") + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"e-7","delivered":true}`)
	}))
	defer server.Close()
	for _, c := range []struct {
		args      []string
		body, out string
	}{
		{[]string{"order.changed", `{"id":4711}`, "--audience", `{"subjects":["ann"]}`, "--key", "k"}, `{"name":"order.changed","data":{"id":4711},"audience":{"subjects":["ann"]}}`, "e-7\n"},
		{[]string{"note", "--request-id", "tab-1", "--json", "--key", "k", "--", "-1"}, `{"name":"note","data":-1,"request_id":"tab-1"}`, `{"id":"e-7","delivered":true}` + "\n"},
	} {
		status, stdout, stderr := call(t, nil, append([]string{"publish", "--url", server.URL}, c.args...)...)
		if want := "POST /api/events k " + c.body; status != 0 || stdout != c.out || stderr != "" || got != want {
			t.Errorf("%q: exit status %d, %q, %q; sent is %s, want %s", c.args, status, stdout, stderr, got, want)
		}
	}
}

func TestPublishExitStatusWhenItCannot(t *testing.T) { // E11
	const nowhere = "http://127.0.0.1:1" // a port that nothing listens on
	for _, c := range []struct {
		args   []string
		status int
		said   string
	}{
		{[]string{"publish", "note"}, 2, "heliograph: expected \"<json-data>\""},
		{[]string{"publish", "note", "1", "--slowly"}, 2, "heliograph: unknown flag --slowly"},
		{[]string{"publish", "note", "text", "--url", nowhere}, 2, "heliograph: the data is not JSON"},
		{[]string{"publish", "note", "1", "--url", nowhere}, 4, "heliograph: the service cannot be reached"},
	} {
		status, stdout, stderr := call(t, nil, c.args...)
		if status != c.status || stdout != "" || !strings.HasPrefix(stderr, c.said) {
			t.Errorf("%q: exit status %d, %q, %q", c.args, status, stdout, stderr)
		}
	}
}
