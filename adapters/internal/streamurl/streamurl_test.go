package streamurl_test

import (
	"errors"
	"net/url"
	"testing"

	"heliograph/adapters/internal/streamurl"
	"heliograph/domain/connection"
)

func TestRequestIDOfAQuery(t *testing.T) { // C2
	cases := []struct{ query, want string }{
		{"request_id=abc123", "abc123"},
		{"request_id=a.b_c~d-E", "a.b_c~d-E"},
		{"request_id=%61bc", "abc"},
		{"request%5Fid=abc", "abc"},
		{"request_id=abc&request_id=abc", "abc"},
		{"a=%zz&b=1;c&=&request_id=abc&&last_event_id=x-1", "abc"},
		{"", ""},
		{"request_id", ""},
		{"request_id=", ""},
		{"Request_id=abc", ""},
		{"request_id=task:abc", ""},
		{"request_id=task%3Aabc", ""},
		{"request_id=a+b", ""},
		{"request_id=a%00", ""},
		{"request_id=%zz", ""},
		{"request_id=a&request_id=b", ""},
		{"request_id=&request_id=b", ""},
		{"request_id=a;b=c", ""},
		{"request_id=a#b", ""},
	}
	for _, c := range cases {
		got, err := streamurl.RequestID(c.query)
		if string(got) != c.want {
			t.Errorf("RequestID(%q) = %q, want %q", c.query, got, c.want)
		}
		if (c.want == "") != errors.Is(err, connection.ErrInvalidRequestID) {
			t.Errorf("RequestID(%q): %v", c.query, err)
		}
	}
}

func FuzzRequestID(f *testing.F) { // C2
	for _, query := range []string{"request_id=abc", "a=b&request_id=%41", "request_id=a&request_id=b", "%", "&=;"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		id, err := streamurl.RequestID(query)
		if err != nil {
			if !errors.Is(err, connection.ErrInvalidRequestID) || id != "" {
				t.Errorf("RequestID(%q) = %q, %v", query, id, err)
			}
			return
		}
		if _, err := connection.ParseRequestID(string(id)); err != nil {
			t.Errorf("RequestID(%q) = %q, which is none", query, id)
		}
		if values, err := url.ParseQuery(query); err == nil && values.Get("request_id") != string(id) {
			t.Errorf("RequestID(%q) = %q, net/url says %q", query, id, values["request_id"])
		}
	})
}

func TestLastEventIDOfHeaderAndQuery(t *testing.T) { // G2, G6
	cases := []struct {
		header []string
		query  string
		want   string
	}{
		{nil, "", ""},
		{[]string{"e-1"}, "last_event_id=e-2", "e-1"},
		{[]string{"", "e-1"}, "", "e-1"},
		{[]string{""}, "request_id=a&last_event_id=e%2D2", "e-2"},
		{nil, "a=%zz&last_event_id=e-2", "e-2"},
	}
	for _, c := range cases {
		if got := streamurl.LastEventID(c.header, c.query); got != c.want {
			t.Errorf("LastEventID(%q, %q) = %q, want %q", c.header, c.query, got, c.want)
		}
	}
}
