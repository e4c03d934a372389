package eventcli_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heliograph/adapters/inbound/eventcli"
)

const (
	accepted = `{"id":"e-7","delivered":true}`
	private  = `{"id":null,"delivered":true}`
	missed   = `{"id":null,"delivered":false}`
)

// service answers what it is told to, and keeps the last request.
type service struct {
	status int
	answer string

	body, key, credential string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.body, s.key, s.credential = string(body), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization")
	if r.Method != http.MethodPost || r.URL.Path != "/api/events" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.answer)
}

// call publishes at s, and returns what was printed.
func call(t *testing.T, s *service, o eventcli.Options, in string) (status int, out, said string) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	o.URL = server.URL
	var stdout, stderr strings.Builder
	status = eventcli.Publish(t.Context(), o, eventcli.Terminal{
		In: strings.NewReader(in), Out: &stdout, Err: &stderr, Transport: server.Client().Transport,
	})
	return status, stdout.String(), stderr.String()
}

func TestWhatIsSaidOnTheCommandLineIsPublished(t *testing.T) { // E11
	for name, c := range map[string]struct {
		options eventcli.Options
		in      string
		answer  string
		body    string
		out     string
	}{
		"for everyone":   {eventcli.Options{Data: `{"id":1.50,"a":"<ü>"}`}, "", accepted, `{"name":"note","data":{"id":1.50,"a":"<ü>"}}`, "e-7\n"},
		"by that word":   {eventcli.Options{Data: `1`, Audience: "everyone"}, "", accepted, `{"name":"note","data":1,"audience":"everyone"}`, "e-7\n"},
		"for some":       {eventcli.Options{Data: `null`, Audience: `{"roles":["a"]}`}, "", accepted, `{"name":"note","data":null,"audience":{"roles":["a"]}}`, "e-7\n"},
		"for one stream": {eventcli.Options{Data: `"a"`, RequestID: "tab-1"}, "", private, `{"name":"note","data":"a","request_id":"tab-1"}`, ""},
		"from a pipe":    {eventcli.Options{Data: "-"}, "[1]\n", accepted, `{"name":"note","data":[1]}`, "e-7\n"},
		"with a key":     {eventcli.Options{Data: `1`, Key: "k", Token: "t", JSON: true}, "", accepted, `{"name":"note","data":1}`, accepted + "\n"},
		"private, whole": {eventcli.Options{Data: `1`, RequestID: "r", JSON: true}, "", private, `{"name":"note","data":1,"request_id":"r"}`, private + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{status: http.StatusAccepted, answer: c.answer}
			c.options.Name = "note"
			status, out, said := call(t, s, c.options, c.in)
			if status != eventcli.Published || out != c.out || said != "" {
				t.Errorf("status %d, printed %q and %q", status, out, said)
			}
			if s.body != c.body || s.key != c.options.Key || (s.credential == "Bearer t") != (c.options.Token == "t") {
				t.Errorf("it got %s with the key %q and %q", s.body, s.key, s.credential)
			}
		})
	}
}

func TestExitStatusSaysWhatBecameOfTheEvent(t *testing.T) { // E11
	refusal := `{"error":{"code":"INVALID_EVENT_NAME","message":"invalid event name"}}`
	for name, c := range map[string]struct {
		options eventcli.Options
		service service
		want    int
		said    string
	}{
		"nobody there":    {eventcli.Options{Data: "1", RequestID: "tab-1"}, service{status: 202, answer: missed}, eventcli.Missed, `"tab-1"`},
		"refused":         {eventcli.Options{Data: "1"}, service{status: 400, answer: refusal}, eventcli.Usage, "invalid event name (INVALID_EVENT_NAME)"},
		"shutting down":   {eventcli.Options{Data: "1"}, service{status: 503, answer: `{"error":{"code":"SHUTTING_DOWN","message":"m"}}`}, eventcli.Lost, "SHUTTING_DOWN"},
		"another service": {eventcli.Options{Data: "1"}, service{status: 202, answer: `{}`}, eventcli.Lost, "cannot be reached"},
		"a proxy's page":  {eventcli.Options{Data: "1"}, service{status: 202, answer: `<html>`}, eventcli.Lost, "cannot be reached"},
		"no answer":       {eventcli.Options{Data: "1"}, service{status: 202, answer: `null`}, eventcli.Lost, "cannot be reached"},
		"no JSON":         {eventcli.Options{Data: "text"}, service{}, eventcli.Usage, `needs quotes of its own`},
		"empty pipe":      {eventcli.Options{Data: "-"}, service{}, eventcli.Usage, `not JSON`},
		"bad audience":    {eventcli.Options{Data: "1", Audience: "ann"}, service{}, eventcli.Usage, `--audience`},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Name = "note"
			status, out, said := call(t, &c.service, c.options, "")
			if status != c.want || !strings.HasPrefix(said, "heliograph: ") || !strings.Contains(said, c.said) || out != "" {
				t.Errorf("status %d, printed %q and %q", status, out, said)
			}
			if c.service.status == 0 && c.service.body != "" {
				t.Errorf("it was sent %s", c.service.body)
			}
		})
	}
	t.Run("nowhere", func(t *testing.T) {
		for url, want := range map[string]int{"nowhere": eventcli.Usage, "http://127.0.0.1:1": eventcli.Lost} {
			transport := &http.Transport{}
			status := eventcli.Publish(t.Context(), eventcli.Options{URL: url, Name: "note", Data: "1"}, eventcli.Terminal{Out: io.Discard, Err: io.Discard, Transport: transport})
			if transport.CloseIdleConnections(); status != want {
				t.Errorf("%s: status %d, want %d", url, status, want)
			}
		}
	})
}

// full cannot be written to.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAnAnswerThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	server := httptest.NewServer(&service{status: http.StatusAccepted, answer: accepted})
	defer server.Close()
	var said strings.Builder
	status := eventcli.Publish(t.Context(), eventcli.Options{URL: server.URL, Name: "note", Data: "1"},
		eventcli.Terminal{Out: full{}, Err: &said, Transport: server.Client().Transport})
	if status != eventcli.Missed || !strings.Contains(said.String(), "no space left") {
		t.Errorf("status %d, %q", status, said.String())
	}
}
